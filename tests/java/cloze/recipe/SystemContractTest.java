package cloze.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.checkpoint.ConfigJson;
import cloze.foreign.Foreign;
import cloze.nn.Parameters;
import cloze.op.Device;
import cloze.optim.AdamW;
import cloze.optim.Schedule;
import cloze.setting.Schema;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.MemoryEstimate;
import cloze.train.Objective;
import cloze.train.RunFolder;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.MetricsLog;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every system of the list keeps these promises. */
class SystemContractTest {
    private static final List<Recipe<?, ?>> ALL = Recipes.ALL;

    private static final int STEPS = 10;

    /** The difference of losses that f32 sums in another order may make in these steps. */
    private static final double TOLERANCE = 2e-4;

    /** The same in bf16. */
    private static final double TOLERANCE_OF_BF16 = 0.03;

    @TempDir
    private Path temporary;

    /** One micro-batch again and again. */
    private record OneBatch(Objective objective) implements Objective {
        @Override
        public Parameters parameters() {
            return objective.parameters();
        }

        @Override
        public Tensor loss(Tape tape, long microBatch) {
            return objective.loss(tape, 0);
        }

        @Override
        public long unitsPerMicroBatch() {
            return objective.unitsPerMicroBatch();
        }

        @Override
        public String unit() {
            return objective.unit();
        }
    }

    private static <C extends Record, M> List<Double> losses(
            Recipe<C, M> recipe, Backend backend, int steps, boolean oneBatch) throws IOException {
        var losses = new ArrayList<Double>();
        try (Scope scope = backend.memory().scope("model")) {
            Preset<C> tiny = recipe.tiny();
            Objective random = recipe.random(recipe.build(tiny, backend, scope), tiny, 1);
            var config = TrainingConfig.of(steps, AdamW.Config.gpt3(3e-3), new Schedule.Constant(1));
            TrainingHooks hooks = TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Step step) {
                    losses.add(step.loss());
                }
            });
            new Trainer(backend, oneBatch ? new OneBatch(random) : random, config, hooks, null).run();
        }
        return losses;
    }

    @ParameterizedTest
    @FieldSource("ALL")
    void overfits_one_batch(Recipe<?, ?> recipe) throws IOException {
        try (Backend backend = TestRuns.cpu(1)) {
            List<Double> losses = losses(recipe, backend, 150, true);
            assertThat(losses.getLast()).isLessThan(0.6 * losses.getFirst());
        }
    }

    static Stream<Device> otherDevices() {
        return Device.all().stream()
                .filter(device -> !device.name().startsWith("cpu"))
                .limit(1);
    }

    @ParameterizedTest
    @MethodSource("otherDevices")
    void every_device_has_the_losses_and_gradients_of_the_cpu(Device device) throws IOException {
        for (Recipe<?, ?> recipe : ALL) {
            List<Double> expected;
            List<float[]> gradients;
            try (Backend backend = TestRuns.cpu(1)) {
                expected = losses(recipe, backend, STEPS, false);
                gradients = gradients(recipe, backend);
            }
            try (Backend backend = device.opener().apply(BackendOptions.DEFAULT)) {
                List<Double> actual = losses(recipe, backend, STEPS, false);
                for (int step = 0; step < STEPS; step++) {
                    assertThat(actual.get(step))
                            .as("step %d of %s on %s", step, recipe.name(), device)
                            .isCloseTo(expected.get(step), within(TOLERANCE));
                }
                same(gradients, gradients(recipe, backend), recipe.name());
            }
            try (Backend backend = device.opener().apply(BackendOptions.DEFAULT.withPrecision(Precision.BF16))) {
                List<Double> actual = losses(recipe, backend, STEPS, false);
                for (int step = 0; step < STEPS; step++) {
                    assertThat(actual.get(step))
                            .as("step %d of %s on %s in bf16", step, recipe.name(), device)
                            .isCloseTo(expected.get(step), within(TOLERANCE_OF_BF16));
                }
            }
        }
    }

    private static <C extends Record, M> List<float[]> gradients(Recipe<C, M> recipe, Backend backend) {
        try (Scope scope = backend.memory().scope("gradients")) {
            Preset<C> tiny = recipe.tiny();
            Objective random = recipe.random(recipe.build(tiny, backend, scope), tiny, 1);
            Parameters parameters = random.parameters();
            Tape tape = Tape.recording(backend, scope, 0, 0);
            tape.backward(random.loss(tape, 0), parameters.accumulator());
            return parameters.tensors().stream()
                    .map(parameter -> backend.floats(parameters.gradient(parameter)))
                    .toList();
        }
    }

    private static void same(List<float[]> expected, List<float[]> actual, String name) {
        for (int i = 0; i < expected.size(); i++) {
            float largest = 0;
            for (float value : expected.get(i)) {
                largest = Math.max(largest, Math.abs(value));
            }
            assertThat(actual.get(i))
                    .as(name)
                    .usingComparatorWithPrecision(1e-4f * largest + 1e-7f)
                    .containsExactly(expected.get(i));
        }
    }

    @ParameterizedTest
    @FieldSource("ALL")
    void a_run_that_was_stopped_and_one_of_other_threads_give_the_same_bits(Recipe<?, ?> recipe) throws IOException {
        same(recipe);
    }

    private <C extends Record, M> void same(Recipe<C, M> recipe) throws IOException {
        Preset<C> tiny = TestRuns.tiny(recipe, temporary);
        byte[] whole = TestRuns.run(temporary.resolve("whole"), recipe, tiny, 2, -1);
        assertThat(TestRuns.run(temporary.resolve("single"), recipe, tiny, 1, -1))
                .isEqualTo(whole);
        Path stopped = temporary.resolve("stopped");
        assertThat(TestRuns.run(stopped, recipe, tiny, 2, 2)).isNotEqualTo(whole);
        assertThat(TestRuns.run(stopped, recipe, tiny, 1, -1)).isEqualTo(whole);
    }

    @ParameterizedTest
    @FieldSource("ALL")
    void a_model_that_was_saved_and_loaded_has_the_same_outputs(Recipe<?, ?> recipe) throws IOException {
        loaded(recipe);
    }

    private <C extends Record, M> void loaded(Recipe<C, M> recipe) throws IOException {
        Path path = temporary.resolve("run");
        TestRuns.run(path, recipe, TestRuns.tiny(recipe, temporary), 1, -1);
        Map<String, Double> logged = MetricsLog.read(path.resolve("metrics.jsonl")).stream()
                .filter(TrainingEvent.Evaluated.class::isInstance)
                .map(event -> ((TrainingEvent.Evaluated) event).metrics())
                .reduce(Map.of(), (_, next) -> next);
        assertThat(logged).containsKey("val_loss");
        StoredRun<?, ?> stored = StoredRun.read(path);
        assertThat(stored.recipe()).isSameAs(recipe);
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("loaded");
                RunFolder folder = RunFolder.resume(path);
                Run<C, M> run = Run.resume(folder, recipe, backend, Opening.of(temporary))) {
            assertThat(run.preset()).isEqualTo(stored.preset());
            run.trainer(TrainingHooks.NONE).run(); // restores the checkpoint; nothing is left to train
            assertThat(run.evaluation().evaluate()).isEqualTo(logged);
            Parameters read = stored.load(path, backend, scope).parameters();
            for (Tensor parameter : run.built().parameters().tensors()) {
                assertThat(backend.floats(read.named(parameter.name())))
                        .as(parameter.name())
                        .isEqualTo(backend.floats(parameter));
            }
        }
    }

    @ParameterizedTest
    @FieldSource("ALL")
    void its_memory_estimate_is_within_15_percent_of_a_step(Recipe<?, ?> recipe) throws IOException {
        estimated(recipe);
    }

    /** On the default preset, whose step takes more than what a pool rounds up. */
    private static <C extends Record, M> void estimated(Recipe<C, M> recipe) throws IOException {
        Preset<C> usual = recipe.preset();
        Preset<C> preset = usual.withSettings(usual.settings().withBatch(4, 1).withSteps(2));
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("model")) {
            MemoryEstimate estimate = Run.memory(recipe, preset, backend);
            Objective objective = recipe.random(recipe.build(preset, backend, scope), preset, 1);
            new Trainer(backend, objective, recipe.training(preset), TrainingHooks.NONE, null).run();
            assertThat((double) backend.memory().peakBytes())
                    .isCloseTo((double) estimate.total(), within(0.15 * estimate.total()));
        }
    }

    @ParameterizedTest
    @FieldSource("ALL")
    void its_exports_load_back(Recipe<?, ?> recipe) throws IOException {
        exported(recipe);
    }

    private <C extends Record, M> void exported(Recipe<C, M> recipe) throws IOException {
        Path path = temporary.resolve("run");
        TestRuns.run(path, recipe, TestRuns.tiny(recipe, temporary), 1, -1);
        StoredRun<?, ?> stored = StoredRun.read(path);
        try (Backend backend = TestRuns.cpu(1);
                Scope scope = backend.memory().scope("models")) {
            Parameters trained = stored.load(path, backend, scope).parameters();
            var read = new ArrayList<String>();
            for (Foreign<M> layout : recipe.layouts()) {
                Path to = temporary.resolve(layout.word());
                String files = Models.export(path, to, layout.word(), backend);
                assertThat(files.split(", "))
                        .allSatisfy(file -> assertThat(to.resolve(file)).exists());
                if (Files.exists(to.resolve("config.json"))) {
                    read.add(layout.word());
                    boolean whole = layout.recognises(ConfigJson.read(to));
                    Parameters back = whole
                            ? layout.load(to, backend, scope).parameters()
                            : Encoders.load(to, Encoders.config(to).image(), backend, scope)
                                    .parameters();
                    assertThat(back.tensors()).isNotEmpty();
                    for (Tensor parameter : whole ? trained.tensors() : back.tensors()) {
                        assertThat(backend.floats(back.named(parameter.name())))
                                .as("%s in %s", parameter.name(), layout.word())
                                .isEqualTo(backend.floats(trained.named(parameter.name())));
                    }
                }
            }
            assertThat(read.isEmpty())
                    .as("layouts of %s that hold sizes", recipe.name())
                    .isEqualTo(recipe.layouts().isEmpty());
            assertThatThrownBy(() -> Models.export(path, temporary.resolve("none"), "nobody", backend))
                    .hasMessageContaining(recipe.name());
        }
    }

    private <C extends Record, M> void resumed(Path path, Recipe<C, M> recipe) throws IOException {
        TestRuns.run(path, recipe, recipe.tiny(), 1, -1);
    }

    private <C extends Record, M> void trained(Path path, Recipe<C, M> recipe) throws IOException {
        TestRuns.run(path, recipe, TestRuns.tiny(recipe, temporary), 1, -1);
    }

    @ParameterizedTest
    @FieldSource("ALL")
    void a_folder_of_another_recipe_is_refused_by_name(Recipe<?, ?> recipe) throws IOException {
        Path path = temporary.resolve("run");
        trained(path, recipe);
        for (Recipe<?, ?> other : ALL) {
            if (!other.equals(recipe)) {
                assertThatThrownBy(() -> resumed(path, other))
                        .isInstanceOf(WrongModelException.class)
                        .hasMessage(
                                "%s is a run of %s (%s), but a run of %s is needed",
                                path, recipe.name(), recipe.title(), other.name());
            }
        }
    }

    @Test
    void names_of_recipes_and_flags_are_unique() {
        assertThat(ALL).extracting(Recipe::name).doesNotHaveDuplicates();
        for (Recipe<?, ?> recipe : ALL) {
            assertThat(recipe.preset().fields().stream().flatMap(field -> field.flags().stream()))
                    .as(recipe.name())
                    .doesNotHaveDuplicates();
            recipe.presets()
                    .forEach((name, preset) ->
                            assertThat(Schema.json(preset.model())).as(name).isNotEmpty());
        }
    }
}
