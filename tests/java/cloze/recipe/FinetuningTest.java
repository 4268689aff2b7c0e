package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.checkpoint.ConfigJson;
import cloze.foreign.MaeFolder;
import cloze.foreign.VitClassifierFolder;
import cloze.image.ImageData;
import cloze.image.Normalization;
import cloze.model.Mae;
import cloze.model.MaeConfig;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Runs on the first images of Fashion-MNIST (tests/golden/fashion_mnist.py). */
class FinetuningTest {
    @TempDir
    private Path temporary;

    private Path encoder = Path.of("");

    private static String golden() {
        try {
            return Path.of(Objects.requireNonNull(FinetuningTest.class.getResource("/golden/fashion-mnist"))
                            .toURI())
                    .toString();
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static Backend cpu(int threads) {
        return Backends.open("cpu", BackendOptions.DEFAULT.withThreads(threads));
    }

    @BeforeEach
    void makeEncoder() throws IOException {
        encoder = temporary.resolve("encoder");
        var config = new MaeConfig(28, 1, 7, new MaeConfig.Stack(2, 32, 2), new MaeConfig.Stack(1, 8, 2), 0.75, true);
        try (Backend backend = cpu(1);
                Scope scope = backend.memory().scope("mae")) {
            var built = Parameters.build(backend, scope, 5, p -> new Mae(config, p));
            MaeFolder.save(encoder, built.model(), built.parameters(), backend);
            var json = new LinkedHashMap<>(MaeFolder.json(config));
            json.put("normalization", new Normalization(List.of(0.3), List.of(0.35)));
            ConfigJson.write(encoder, json);
        }
    }

    /** All that is random is on. */
    private FinetuneOptions options(long steps, int perClass, int loaders) {
        FinetuneOptions o = FinetuneOptions.of(encoder.toString(), 28).withSteps(steps);
        return o.withImages(new FinetuneOptions.Images(golden(), 0.1, perClass, true, loaders))
                .withRegularization(new FinetuneOptions.Regularization(0.5, true, 0.25, 0.8, 1, 0.1, 0.3))
                .withSize(new FinetuneOptions.Size(0, 8, 2))
                .withWatch(new FinetuneOptions.Watch(0, 2));
    }

    private byte[] run(Path path, FinetuneOptions options, int threads, long stopAfter) throws IOException {
        var trainer = new AtomicReference<Trainer>();
        boolean fresh = !Files.exists(path.resolve("config.json"));
        try (Backend backend = cpu(threads);
                ImageData data = ImageData.open(golden(), temporary, 0.1);
                RunFolder folder = fresh ? RunFolder.create(path) : RunFolder.resume(path);
                Finetuning run = fresh
                        ? Finetuning.start(folder, options, data, backend)
                        : Finetuning.resume(folder, data, backend)) {
            trainer.set(run.trainer(TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Step step && step.step() == stopAfter) {
                    trainer.get().requestStop();
                }
            })));
            trainer.get().run();
        }
        byte[] file = Files.readAllBytes(path.resolve("model.safetensors"));
        int header = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getInt(); // it numbers the checkpoint
        return Arrays.copyOfRange(file, Long.BYTES + header, file.length);
    }

    @Test
    void a_run_that_was_stopped_and_one_of_other_threads_and_loaders_give_the_same_bits() throws IOException {
        byte[] whole = run(temporary.resolve("whole"), options(6, 20, 2), 2, -1);
        assertThat(run(temporary.resolve("single"), options(6, 20, 1), 1, -1)).isEqualTo(whole);
        Path stopped = temporary.resolve("stopped");
        run(stopped, options(6, 20, 3), 2, 3);
        assertThat(run(stopped, options(6, 20, 3), 1, -1)).isEqualTo(whole);
    }

    @Test
    void scratch_and_pre_training_differ_in_the_encoder_s_weights_alone() throws IOException {
        byte[] pretrained = run(temporary.resolve("pretrained"), options(1, 10, 1), 1, -1);
        byte[] scratch = run(temporary.resolve("scratch"), options(1, 10, 1).withScratch(true), 1, -1);
        assertThat(scratch).hasSameSizeAs(pretrained).isNotEqualTo(pretrained);
    }

    @Test
    void learns_to_tell_classes_apart() throws IOException {
        FinetuneOptions o = options(150, 0, 1);
        o = o.withRegularization(new FinetuneOptions.Regularization(1, false, 0, 0, 0, 0.1, 0))
                .withDescent(new FinetuneOptions.Descent(150, 0, 0.05, 0.9, 0.1, 0.05, 1))
                .withWatch(new FinetuneOptions.Watch(0, 0));
        try (Backend backend = cpu(2);
                ImageData data = ImageData.open(golden(), temporary, 0.1);
                RunFolder folder = RunFolder.create(temporary.resolve("learnt"));
                Finetuning run = Finetuning.start(folder, o, data, backend)) {
            double before = run.accuracy().evaluate().getOrDefault("val_accuracy", Double.NaN);
            run.trainer(TrainingHooks.NONE).run();
            double after = run.accuracy().evaluate().getOrDefault("val_accuracy", Double.NaN);
            assertThat(before).isLessThan(0.3);
            assertThat(after).isGreaterThan(0.6);
            assertThat(VitClassifierFolder.classes(folder.path())).hasSize(10);
        }
    }

    @Test
    void runs_on_few_labels_are_not_run_again_and_go_on_where_they_were_stopped() throws IOException {
        FinetuneOptions each = options(2, 0, 1);
        var plan = new FewLabelRuns.Plan(each, List.of(2, 5), 2);
        Path path = temporary.resolve("few");
        List<String> ran = new ArrayList<>();
        try (Backend backend = cpu(1);
                ImageData data = ImageData.open(golden(), temporary, 0.1)) {
            FewLabelRuns runs = FewLabelRuns.start(path, plan);
            boolean done = runs.run(data, backend, (cell, finetuning) -> {
                ran.add(cell.name());
                finetuning.trainer(TrainingHooks.NONE).run();
                assertThat(finetuning.train().count()).isEqualTo(10 * cell.perClass());
                return ran.size() < 3; // the third is interrupted at its very end
            });
            assertThat(done).isFalse();
            assertThat(FewLabelRuns.resume(path).plan()).isEqualTo(plan);
            done = FewLabelRuns.resume(path).run(data, backend, (cell, finetuning) -> {
                ran.add(cell.name());
                finetuning.trainer(TrainingHooks.NONE).run();
                return true;
            });
            assertThat(done).isTrue();
            assertThat(ran)
                    .containsExactly(
                            "pretrained-2-seed-1337",
                            "scratch-2-seed-1337",
                            "pretrained-2-seed-1338",
                            "pretrained-2-seed-1338",
                            "scratch-2-seed-1338",
                            "pretrained-5-seed-1337",
                            "scratch-5-seed-1337",
                            "pretrained-5-seed-1338",
                            "scratch-5-seed-1338");
            assertThat(runs.results().rows()).hasSize(4);
        }
        assertThatThrownBy(() -> FewLabelRuns.start(path, plan)).hasMessageContaining("already holds runs");
    }

    @Test
    void the_table_has_means_deviations_and_gains_over_the_same_seeds() {
        List<FewLabelResult> all = new ArrayList<>();
        double[] pretrained = {0.5, 0.6, 0.7};
        double[] scratch = {0.4, 0.3, 0.5};
        for (int seed = 0; seed < 3; seed++) {
            all.add(new FewLabelResult(new FewLabelResult.Cell(false, 10, seed), pretrained[seed], 1, 5, 1));
            all.add(new FewLabelResult(new FewLabelResult.Cell(true, 10, seed), scratch[seed], 1, 5, 1));
        }
        all.add(new FewLabelResult(new FewLabelResult.Cell(false, 0, 0), 0.9, 1, 5, 1));
        List<FewLabelResults.Row> rows = new FewLabelResults(all).rows();
        assertThat(rows).hasSize(3);
        assertThat(rows.get(0).scratch()).isTrue();
        assertThat(rows.get(0).accuracy()).isEqualTo(0.4, within(1e-12));
        assertThat(rows.get(0).gain()).isNaN();
        assertThat(rows.get(1).accuracy()).isEqualTo(0.6, within(1e-12));
        assertThat(rows.get(1).deviation()).isEqualTo(0.1, within(1e-12));
        assertThat(rows.get(1).gain()).isEqualTo(0.2, within(1e-12));
        assertThat(rows.get(1).gainDeviation()).isEqualTo(0.1, within(1e-12));
        assertThat(rows.get(2).seeds()).isEqualTo(1);
        assertThat(rows.get(2).gain()).isNaN();
    }
}
