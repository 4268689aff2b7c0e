package cloze.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import cloze.train.log.TrainingEvent;
import cloze.train.log.TrainingEvent.Reason;
import cloze.train.log.TrainingListener;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class TrainerTest {
    private final Backend backend = TinyModel.cpu(1);
    private final Scope scope = backend.memory().scope("model");
    private final List<TrainingEvent> events = new ArrayList<>();
    private final TrainingHooks hooks = TrainingHooks.NONE.withListener(events::add);

    @AfterEach
    void close() {
        scope.close();
        backend.close();
    }

    private <E extends TrainingEvent> List<E> events(Class<E> type) {
        return events.stream().filter(type::isInstance).map(type::cast).toList();
    }

    private TrainingEvent.Ended train(Objective objective, TrainingConfig config, TrainingHooks with)
            throws IOException {
        return new Trainer(backend, objective, config, with, null).run();
    }

    private float[] weights(Objective objective) {
        return backend.floats(objective.parameters().weights());
    }

    @Test
    void learns() throws IOException {
        var model = TinyModel.on(backend, scope);
        double before = model.loss(backend);
        var ended = train(model, TinyModel.config(400), hooks);
        assertThat(ended.step()).isEqualTo(400);
        assertThat(ended.reason()).isEqualTo(Reason.FINISHED);
        assertThat(before).isEqualTo(Math.log(TinyModel.V), within(0.7));
        assertThat(model.loss(backend)).isLessThan(0.1);
        var steps = events(TrainingEvent.Step.class);
        assertThat(steps).hasSize(400);
        assertThat(steps.getFirst().learningRate()).isEqualTo(0.002);
        assertThat(steps.getFirst().loss()).isEqualTo(before, within(0.7));
        assertThat(events.getFirst()).isEqualTo(new TrainingEvent.Started(0, 400, "ids"));
        assertThat(events.getLast()).isEqualTo(ended);
    }

    @Test
    void a_run_leaves_no_memory_in_use_but_the_model() throws IOException {
        var model = TinyModel.on(backend, scope);
        train(model, TinyModel.config(2), hooks);
        long used = backend.memory().bytesUsed();
        train(model, TinyModel.config(5).withEma(0.9), hooks);
        assertThat(backend.memory().bytesUsed()).isEqualTo(used);
    }

    /** As one large batch: the loss of {@code micro-batch} is that of {@code count} smaller ones. */
    @Test
    void micro_batches_equal_one_large_batch() throws IOException {
        TrainingConfig config = TinyModel.config(20);
        var small = TinyModel.on(backend, scope, 8, 0);
        train(new Repeated(small, 4), config.withMicroBatches(4), hooks);
        var large = TinyModel.on(backend, scope, 8, 0);
        train(large, config, hooks);
        assertThat(weights(small)).containsExactly(weights(large), within(1e-5f));
    }

    @Test
    void the_gradient_is_the_mean_over_different_micro_batches() {
        var model = TinyModel.on(backend, scope, 8, 0);
        var together = new TapeStep(backend, scope, model, TinyModel.config(9).withMicroBatches(3));
        var alone = new TapeStep(backend, scope, model, TinyModel.config(9));
        double[] sum = new double[weights(model).length];
        double loss = 0;
        for (int i = 3; i < 6; i++) {
            loss += alone.compute(i).loss() / 3;
            float[] gradients = backend.floats(model.parameters().gradients());
            for (int j = 0; j < sum.length; j++) {
                sum[j] += gradients[j];
            }
        }
        Step.Outcome outcome = together.compute(1);
        assertThat(outcome.loss()).isEqualTo(loss, within(1e-7));
        float[] gradients = backend.floats(model.parameters().gradients());
        double squares = 0;
        for (int j = 0; j < sum.length; j++) {
            assertThat((double) gradients[j]).isEqualTo(sum[j], within(1e-6));
            squares += sum[j] / 3 * sum[j] / 3;
        }
        assertThat(outcome.gradientNorm()).isEqualTo(Math.sqrt(squares), within(1e-6));
    }

    /** Every micro-batch of a step is the same. */
    private record Repeated(TinyModel model, int count) implements Objective {
        @Override
        public Parameters parameters() {
            return model.parameters();
        }

        @Override
        public Tensor loss(Tape tape, long microBatch) {
            return model.loss(tape, microBatch / count);
        }

        @Override
        public long unitsPerMicroBatch() {
            return model.unitsPerMicroBatch();
        }

        @Override
        public String unit() {
            return model.unit();
        }
    }

    @Test
    void outliers_change_nothing() throws IOException {
        var model = TinyModel.on(backend, scope, 64, 0);
        var state = new AtomicReference<float[]>(weights(model));
        var skipped = new ArrayList<Long>();
        // one bad batch: the table is far off for one step
        TrainingListener spoil = event -> {
            if (event instanceof TrainingEvent.Step step) {
                if (step.skipped()) {
                    skipped.add(step.step());
                    assertThat(weights(model)).isEqualTo(state.get());
                }
                state.set(weights(model));
                if (step.step() == 199 || step.step() == 200) {
                    negate(model.parameters().named("down.weight"), step.step() == 199 ? 40 : 1 / 40f);
                    state.set(weights(model));
                }
            }
        };
        var config = TinyModel.config(260).withGuards(Guards.skippingOutliers());
        train(model, config, hooks.withListener(spoil));
        assertThat(skipped).containsExactly(200L);
        assertThat(model.loss(backend)).isLessThan(0.5);
    }

    private void negate(Tensor tensor, float factor) {
        float[] values = backend.floats(tensor);
        for (int i = 0; i < values.length; i++) {
            values[i] *= -factor;
        }
        backend.set(tensor, values);
    }

    private void put(Tensor tensor, int element, float value) {
        float[] values = backend.floats(tensor);
        values[element] = value;
        backend.set(tensor, values);
    }

    @Test
    void names_a_parameter_that_is_not_a_number() {
        var model = TinyModel.on(backend, scope);
        TrainingListener spoil = event -> {
            if (event instanceof TrainingEvent.Step step && step.step() == 3) {
                put(model.parameters().named("up.weight"), 5, Float.NaN);
            }
        };
        assertThatThrownBy(() -> train(model, TinyModel.config(9), hooks.withListener(spoil)))
                .isInstanceOf(NonFiniteException.class)
                .hasMessage(
                        "step 4: loss is NaN; parameter up.weight [32, 16] f32 has NaN (element 5) before the step");
        assertThat(events(TrainingEvent.Step.class)).hasSize(3);
    }

    @Test
    void names_an_activation_that_overflows() {
        var model = TinyModel.on(backend, scope, 8, 0);
        put(model.parameters().named("norm.weight"), 0, 1e30f);
        put(model.parameters().named("up.weight"), 0, 1e30f);
        // column 0 of the first token whose sum is positive: GELU of minus infinity is 0
        assertThatThrownBy(() -> train(model, TinyModel.config(9), hooks))
                .isInstanceOf(NonFiniteException.class)
                .hasMessageStartingWith("step 1: loss is NaN; the first such value is Infinity (element ")
                .hasMessageMatching(".*element (0|32|64|96)\\) in y \\[8, 1, 32] f32 after MatMul.Forward with .*")
                .hasMessageContaining("parameter up.weight [32, 16] f32");
    }

    @Test
    void names_a_gradient_that_overflows() {
        var model = TinyModel.on(backend, scope, 8, 0);
        fill(model.parameters().named("table"), 0);
        fill(model.parameters().named("up.weight"), 1e25f);
        fill(model.parameters().named("down.weight"), 0);
        put(model.parameters().named("down.weight"), 0, 1e25f);
        assertThatThrownBy(() -> train(model, TinyModel.config(9), hooks))
                .isInstanceOf(NonFiniteException.class)
                .hasMessageStartingWith("step 1: gradient norm is ")
                .hasMessageContaining("after MatMul.Backward with ")
                .hasMessageContaining("parameter up.weight [32, 16] f32");
    }

    private void fill(Tensor tensor, float value) {
        float[] values = new float[(int) tensor.shape().size()];
        Arrays.fill(values, value);
        backend.set(tensor, values);
    }

    @Test
    void a_failed_step_leaves_the_weights() {
        var model = TinyModel.on(backend, scope, 8, 0);
        put(model.parameters().named("norm.weight"), 0, Float.POSITIVE_INFINITY);
        float[] before = weights(model);
        assertThatThrownBy(() -> train(model, TinyModel.config(9), hooks)).isInstanceOf(NonFiniteException.class);
        assertThat(weights(model)).isEqualTo(before);
    }

    @Test
    void stops_when_nothing_improves() throws IOException {
        var values = List.of(3.0, 2.0, 2.5, 1.0, 1.0, 1.5, Double.NaN, 0.5).iterator();
        var config = TinyModel.config(100)
                .withCadence(Cadence.of(2, 0, 0))
                .withGuards(Guards.NONE.withEarlyStopping("loss", true, 3));
        var model = TinyModel.on(backend, scope);
        var ended = train(model, config, hooks.withEvaluation(() -> Map.of("loss", values.next())));
        assertThat(ended.reason()).isEqualTo(Reason.NO_IMPROVEMENT);
        assertThat(ended.step()).isEqualTo(14);
        assertThat(events(TrainingEvent.Evaluated.class))
                .extracting(TrainingEvent.Evaluated::best)
                .containsExactly(true, true, false, true, false, false, false);
    }

    @Test
    void early_stopping_on_an_unknown_metric_is_said() {
        var config = TinyModel.config(2).withGuards(Guards.NONE.withEarlyStopping("accuracy", false, 3));
        var model = TinyModel.on(backend, scope);
        assertThatThrownBy(() -> train(model, config, hooks.withEvaluation(() -> model.evaluate(backend))))
                .hasMessage("Guards: metric must be one of [loss], but is 'accuracy'");
    }

    @Test
    void evaluates_and_samples_at_their_steps_and_at_the_end() throws IOException {
        var model = TinyModel.on(backend, scope);
        var with = hooks.withEvaluation(() -> model.evaluate(backend)).withPreview(step -> "after " + step);
        train(model, TinyModel.config(10).withCadence(Cadence.of(4, 3, 0)), with);
        assertThat(events(TrainingEvent.Evaluated.class))
                .extracting(TrainingEvent.Evaluated::step)
                .containsExactly(4L, 8L, 10L);
        assertThat(events(TrainingEvent.Sampled.class))
                .containsExactly(
                        new TrainingEvent.Sampled(3, "after 3"),
                        new TrainingEvent.Sampled(6, "after 6"),
                        new TrainingEvent.Sampled(9, "after 9"),
                        new TrainingEvent.Sampled(10, "after 10"));
    }

    @Test
    void the_average_is_what_is_evaluated() throws IOException {
        var model = TinyModel.on(backend, scope);
        double before = model.loss(backend);
        var config = TinyModel.config(30).withEma(0.999);
        train(model, config, hooks.withEvaluation(() -> model.evaluate(backend)));
        double averaged =
                events(TrainingEvent.Evaluated.class).getFirst().metrics().getOrDefault("loss", Double.NaN);
        assertThat(averaged).isEqualTo(before, within(0.05));
        assertThat(model.loss(backend)).isLessThan(averaged - 0.2);
    }

    @Test
    void a_requested_stop_finishes_the_step() throws IOException {
        var model = TinyModel.on(backend, scope);
        var trainer = new AtomicReference<Trainer>();
        TrainingListener listener = event -> {
            if (event instanceof TrainingEvent.Step step && step.step() == 7) {
                trainer.get().requestStop();
            }
        };
        trainer.set(new Trainer(backend, model, TinyModel.config(100), hooks.withListener(listener), null));
        var ended = trainer.get().run();
        assertThat(ended.step()).isEqualTo(7);
        assertThat(ended.reason()).isEqualTo(Reason.STOP_REQUESTED);
    }

    @Test
    void the_seed_alone_decides_the_dropout() throws IOException {
        var first = TinyModel.on(backend, scope);
        train(first, TinyModel.config(20), hooks);
        float[] once = weights(first);
        var second = TinyModel.on(backend, scope);
        train(second, TinyModel.config(20), hooks);
        assertThat(weights(second)).isEqualTo(once);
        var other = TinyModel.on(backend, scope);
        train(other, TinyModel.config(20).withSeed(12), hooks);
        assertThat(weights(other)).isNotEqualTo(once);
    }

    @Test
    void a_clip_of_0_lets_gradients_be_of_any_length() throws IOException {
        var any = TinyModel.on(backend, scope);
        train(any, TinyModel.config(5).withClip(0), hooks);
        var longest = TinyModel.on(backend, scope);
        train(longest, TinyModel.config(5).withClip(Double.POSITIVE_INFINITY), hooks);
        assertThat(weights(any)).isEqualTo(weights(longest));
        var shortened = TinyModel.on(backend, scope);
        train(shortened, TinyModel.config(5).withClip(1e-3), hooks);
        assertThat(weights(shortened)).isNotEqualTo(weights(any));
    }

    @Test
    void rejects_a_config_that_can_not_be_run() {
        assertThatThrownBy(() -> TinyModel.config(9).withMicroBatches(0))
                .hasMessage("TrainingConfig: microBatches must be at least 1, but is 0");
        assertThatThrownBy(() -> TinyModel.config(9).withClip(-1))
                .hasMessage("TrainingConfig: clip must be at least 0, but is -1.0");
    }
}
