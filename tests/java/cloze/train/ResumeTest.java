package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointFolder;
import cloze.checkpoint.Safetensors;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Schedule;
import cloze.tensor.Scope;
import cloze.train.log.TrainingEvent;
import cloze.train.log.TrainingListener;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A run that was stopped and resumed gives the bits of one that was not. */
class ResumeTest {
    private static final long STEPS = 180;

    @TempDir
    Path temporary;

    /** Everything that a run leaves, wall times aside. */
    private record Left(Map<String, List<Byte>> model, Map<String, List<Byte>> state, List<String> log) {
        static Left in(Path run) throws IOException {
            try (var checkpoint = new CheckpointFolder(run).latest().orElseThrow()) {
                var log = new ArrayList<String>();
                for (String line : Files.readAllLines(run.resolve("metrics.jsonl"))) {
                    log.add(line.replaceAll(",\"(units_per_second|seconds)\":[-+.E0-9]+", ""));
                }
                Map<String, List<Byte>> state = bytes(checkpoint.state());
                checkpoint.state().metadata().forEach((key, text) -> {
                    if (!key.equals("seconds") && !key.equals("generation")) {
                        state.put("metadata " + key, List.of((byte) text.hashCode()));
                    }
                });
                return new Left(bytes(checkpoint.model()), state, log);
            }
        }

        private static Map<String, List<Byte>> bytes(Safetensors file) throws IOException {
            var all = new HashMap<String, List<Byte>>();
            for (String name : file.tensors().keySet()) {
                var bytes = new ArrayList<Byte>();
                for (byte b : file.segment(name).toArray(ValueLayout.JAVA_BYTE)) {
                    bytes.add(b);
                }
                all.put(name, bytes);
            }
            return all;
        }
    }

    private static List<TrainingConfig> configs() {
        var cadence = Cadence.of(20, 0, 25);
        var guards = new Guards(0.1, 100, "loss", true); // so low that some steps are skipped
        var adamW = TinyModel.config(STEPS).withCadence(cadence).withGuards(guards);
        var muon = Muon.Config.of(AdamW.Config.gpt3(0.01));
        return List.of(
                adamW,
                adamW.withMicroBatches(3).withEma(0.95),
                TrainingConfig.of(STEPS, muon, new Schedule.WarmupStableDecay(10, STEPS, 0))
                        .withCadence(cadence)
                        .withEma(0.9));
    }

    /** Trains until the end, or until so many steps are done, and then stops in an orderly or a disorderly way. */
    private static void train(Path path, TrainingConfig config, int threads, long until, boolean orderly)
            throws IOException {
        boolean exists = Files.exists(path.resolve("metrics.jsonl"));
        try (Backend backend = TinyModel.cpu(threads);
                Scope scope = backend.memory().scope("model");
                RunFolder folder = exists ? RunFolder.resume(path) : RunFolder.create(path)) {
            var model = TinyModel.on(backend, scope);
            var trainer = new AtomicReference<Trainer>();
            TrainingListener stop = event -> {
                if (event instanceof TrainingEvent.Step step && step.step() == until) {
                    if (!orderly) {
                        throw new IOException("crash");
                    }
                    trainer.get().requestStop();
                }
            };
            var hooks = TrainingHooks.NONE
                    .withListener(stop)
                    .withEvaluation(() -> model.evaluate(backend))
                    .withPreview(step -> "sample");
            trainer.set(new Trainer(backend, model, config, hooks, folder));
            trainer.get().run();
        } catch (IOException e) {
            assertThat(e).hasMessage("crash");
        }
    }

    @ParameterizedTest
    @MethodSource("configs")
    void gives_the_bits_of_an_uninterrupted_run(TrainingConfig config) throws IOException {
        Path whole = temporary.resolve("whole");
        train(whole, config, 1, -1, true);
        Path pieces = temporary.resolve("pieces");
        for (long until : new long[] {10, 33, 34, 77, 100, 131, 150, 179}) {
            train(pieces, config, 1, until, until % 2 == 0);
        }
        train(pieces, config, 1, -1, true);
        Left expected = Left.in(whole);
        assertThat(Left.in(pieces)).isEqualTo(expected);
        assertThat(expected.log()).hasSizeGreaterThanOrEqualTo((int) STEPS);
        if (config.guards().outlierZ() > 0) {
            assertThat(expected.log().stream().filter(line -> line.contains("skipped")))
                    .isNotEmpty();
        }
    }

    @Test
    void gives_the_same_bits_with_one_thread_and_two() throws IOException {
        TrainingConfig config = configs().get(1);
        train(temporary.resolve("one"), config, 1, -1, true);
        train(temporary.resolve("two"), config, 2, 90, true);
        train(temporary.resolve("two"), config, 2, -1, true);
        assertThat(Left.in(temporary.resolve("two"))).isEqualTo(Left.in(temporary.resolve("one")));
    }

    @Test
    void a_run_that_is_done_stays_as_it_is() throws IOException {
        TrainingConfig config = configs().getFirst();
        train(temporary, config, 1, -1, true);
        Left before = Left.in(temporary);
        train(temporary, config, 1, -1, true);
        assertThat(Left.in(temporary)).isEqualTo(before);
    }

    @Test
    void the_model_of_a_run_with_an_average_is_the_average() throws IOException {
        train(temporary, configs().get(1), 1, -1, true);
        try (var model = Safetensors.open(temporary.resolve("model.safetensors"));
                var checkpoint = new CheckpointFolder(temporary).latest().orElseThrow()) {
            assertThat(model.tensors().keySet())
                    .containsExactlyInAnyOrder(
                            "table", "norm.weight", "norm.bias", "up.weight", "up.bias", "down.weight", "down.bias");
            assertThat(model.segment("table").mismatch(checkpoint.state().segment("weights/table")))
                    .isNotEqualTo(-1);
        }
        try (var best = Safetensors.open(temporary.resolve("best.safetensors"))) {
            assertThat(best.tensors()).hasSize(7);
        }
    }

    @Test
    void extra_state_is_given_back_before_the_first_step() throws IOException {
        var restored = new ArrayList<Map<String, String>>();
        ExtraState extra = new ExtraState() {
            @Override
            public Map<String, String> save() {
                return Map.of("choices", "n1k2 own\nn3k4 onednn");
            }

            @Override
            public void restore(Map<String, String> saved) {
                restored.add(saved);
            }
        };
        TrainingConfig config = TinyModel.config(3);
        for (int i = 0; i < 2; i++) {
            try (Backend backend = TinyModel.cpu(1);
                    Scope scope = backend.memory().scope("model");
                    RunFolder folder = i == 0 ? RunFolder.create(temporary) : RunFolder.resume(temporary)) {
                var model = TinyModel.on(backend, scope);
                new Trainer(backend, model, config, TrainingHooks.NONE.withExtraState(extra), folder).run();
            }
        }
        assertThat(restored).containsExactly(Map.of("choices", "n1k2 own\nn3k4 onednn"));
    }

    @Test
    void a_run_folder_has_its_files() throws IOException {
        train(temporary, configs().getFirst(), 1, -1, true);
        try (var files = Files.list(temporary)) {
            var names = files.map(file -> file.getFileName()
                            .toString()
                            .replaceAll("tfevents[.].*", "tfevents")
                            .replaceAll("-0000[0-9]{2}-", "-N-"))
                    .toList();
            assertThat(names)
                    .containsExactlyInAnyOrder(
                            ".lock",
                            "best.safetensors",
                            "checkpoint-N-step-175",
                            "checkpoint-N-step-180",
                            "events.out.tfevents",
                            "metrics.jsonl",
                            "model.safetensors");
        }
    }

    @Test
    void checkpoints_by_time_too() throws IOException {
        var steps = new ArrayList<Long>();
        try (Backend backend = TinyModel.cpu(1);
                Scope scope = backend.memory().scope("model");
                RunFolder folder = RunFolder.create(temporary)) {
            var hooks = TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Checkpointed checkpointed) {
                    steps.add(checkpointed.step());
                }
            });
            var config = TinyModel.config(4).withCadence(Cadence.END.withCheckpointSeconds(1e-9));
            new Trainer(backend, TinyModel.on(backend, scope), config, hooks, folder).run();
        }
        assertThat(steps).containsExactly(1L, 2L, 3L, 4L);
    }

    @Test
    void a_run_that_failed_keeps_its_last_checkpoint() throws IOException {
        var config = TinyModel.config(20).withCadence(Cadence.of(0, 0, 5));
        try (Backend backend = TinyModel.cpu(1);
                Scope scope = backend.memory().scope("model");
                RunFolder folder = RunFolder.create(temporary)) {
            var model = TinyModel.on(backend, scope);
            var hooks = TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Step step && step.step() == 12) {
                    float[] nothing = new float[TinyModel.V];
                    nothing[0] = Float.NaN;
                    backend.set(model.parameters().named("down.bias"), nothing);
                }
            });
            assertThatThrownBy(() -> new Trainer(backend, model, config, hooks, folder).run())
                    .isInstanceOf(NonFiniteException.class)
                    .hasMessageStartingWith("step 13: loss is NaN; parameter down.bias [17] f32 has NaN (element 0)");
        }
        train(temporary, config, 1, -1, true);
        Path whole = temporary.resolve("whole");
        train(whole, config, 1, -1, true);
        assertThat(Left.in(temporary).model()).isEqualTo(Left.in(whole).model());
    }

    @Test
    void another_seed_or_optimiser_is_refused() throws IOException {
        TrainingConfig config = TinyModel.config(20);
        train(temporary, config, 1, 5, true);
        assertThatThrownBy(() -> train(temporary, config.withSeed(1), 1, -1, true))
                .isInstanceOf(AssertionError.class)
                .hasStackTraceContaining("seed must be 1 as this run is configured, but is 11");
        var muon = TrainingConfig.of(20, Muon.Config.of(AdamW.Config.gpt3(0.01)), new Schedule.Constant(0))
                .withSeed(11);
        assertThatThrownBy(() -> train(temporary, muon, 1, -1, true))
                .hasStackTraceContaining("optimizer must be cloze.optim.Muon$Config as this run is configured");
    }
}
