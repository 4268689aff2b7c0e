package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.backend.Backend;
import cloze.eval.ClassAccuracy;
import cloze.image.LabelledImageSettings;
import cloze.model.VitClassifierConfig;
import cloze.train.RunFolder;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Fine-tunes on the first images of Fashion-MNIST (tests/golden/fashion_mnist.py). */
class ClassifierRecipeTest {
    @TempDir
    private Path temporary;

    private Preset<VitClassifierConfig> preset = Recipes.CLASSIFIER.preset();

    @BeforeEach
    void makeEncoder() throws IOException {
        preset = TestRuns.tiny(Recipes.CLASSIFIER, temporary);
    }

    private static LabelledImageSettings data(Preset<?> of) {
        return (LabelledImageSettings) of.data();
    }

    /** All that is random is on. */
    private Preset<VitClassifierConfig> random(long steps, int perClass, int loaders) {
        LabelledImageSettings data = data(preset);
        return preset.withData(data.withImages(data.images().withStrict(true).withThreads(loaders))
                        .withPerClass(perClass)
                        .withErase(0.25)
                        .withMixing(0.8, 1))
                .withSettings(preset.settings().withBatch(8, 2).withSteps(steps));
    }

    private byte[] run(String name, Preset<VitClassifierConfig> of, int threads) throws IOException {
        return TestRuns.run(temporary.resolve(name), Recipes.CLASSIFIER, of, threads, -1);
    }

    @Test
    void other_loaders_give_the_same_bits() throws IOException {
        assertThat(run("two", random(3, 20, 2), 2)).isEqualTo(run("one", random(3, 20, 1), 1));
    }

    @Test
    void scratch_and_pre_training_differ_in_the_encoder_s_weights_alone() throws IOException {
        byte[] pretrained = run("pretrained", random(1, 10, 1), 1);
        Start scratch = new Start(preset.start().checkpoint(), true);
        assertThat(run("scratch", random(1, 10, 1).withStart(scratch), 1))
                .hasSameSizeAs(pretrained)
                .isNotEqualTo(pretrained);
    }

    @Test
    void learns_to_classify() throws IOException {
        LabelledImageSettings data = data(preset).withErase(0).withMixing(0, 0);
        Preset<VitClassifierConfig> plain = preset.withData(
                        data.withImages(data.images().withLeastArea(1).withFlip(false)))
                .withSettings(preset.settings()
                        .withBatch(8, 2)
                        .withLearningRate(0.05)
                        .withLayerDecay(0.9)
                        .withWarmup(0.1)
                        .withSteps(150));
        try (Backend backend = TestRuns.cpu(2);
                RunFolder folder = RunFolder.create(temporary.resolve("learnt"));
                var run = Run.start(folder, Recipes.CLASSIFIER, plain, backend, Opening.of(temporary))) {
            double before = run.evaluation().evaluate().getOrDefault(ClassAccuracy.ACCURACY, Double.NaN);
            run.trainer(TrainingHooks.NONE).run();
            double after = run.evaluation().evaluate().getOrDefault(ClassAccuracy.ACCURACY, Double.NaN);
            assertThat(before).isLessThan(0.3);
            assertThat(after).isGreaterThan(0.55);
            assertThat(StoredRun.read(folder.path()).companions(folder.path()).classes())
                    .hasSize(10);
        }
    }

    @Test
    void runs_on_few_labels_are_not_run_again_and_go_on_where_they_were_stopped() throws IOException {
        var plan = new FewLabelRuns.Plan(random(2, 0, 1), List.of(2, 5), 2);
        Path path = temporary.resolve("few");
        List<String> ran = new ArrayList<>();
        try (Backend backend = TestRuns.cpu(1)) {
            FewLabelRuns runs = FewLabelRuns.start(path, plan);
            boolean done = runs.run(backend, Opening.of(temporary), (cell, run) -> {
                ran.add(cell.name());
                run.trainer(TrainingHooks.NONE).run();
                assertThat(run.describe())
                        .startsWith(String.format(Locale.ROOT, "%d images to learn from", 10 * cell.perClass()));
                return ran.size() < 3; // the third is interrupted at its very end
            });
            assertThat(done).isFalse();
            assertThat(FewLabelRuns.resume(path).plan()).isEqualTo(plan);
            done = FewLabelRuns.resume(path).run(backend, Opening.of(temporary), (cell, run) -> {
                ran.add(cell.name());
                run.trainer(TrainingHooks.NONE).run();
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
