package cloze.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Precision;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.op.Device;
import cloze.op.Heads;
import cloze.op.SoftmaxCrossEntropy;
import cloze.optim.AdamW;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A head whose table has rows of zeros below those of the vocabulary, against the same head without them. */
class PaddedTableTest {
    private static final int VOCABULARY = 13;
    private static final int WIDTH = 16;
    private static final GptConfig CONFIG =
            new GptConfig(VOCABULARY, 12, 2, WIDTH, Heads.of(2, 8), GptConfig.Style.GPT2, 0);

    static Stream<Arguments> runs() {
        return Device.all().stream()
                .flatMap(device -> precisions(device).map(precision -> Arguments.of(device, precision)));
    }

    private static Stream<Precision> precisions(Device device) {
        return device.name().startsWith("cuda") ? Stream.of(Precision.FP32, Precision.BF16) : Stream.of(Precision.FP32);
    }

    /** A model on a device, and tokens. */
    private record Run(Backend backend, Scope scope, Gpt gpt, Parameters parameters) {
        Tensor ids(Scope owner, long seed) {
            int[] ids = new SplittableRandom(seed).ints(24, 0, VOCABULARY).toArray();
            return backend.set(owner.tensor("ids", new Shape(2, 12), DType.I32), ids);
        }

        /** The gradient of the table, after the mean of the losses has been propagated. */
        float[] gradient(BiFunction<Tape, List<Tensor>, Tensor> loss) {
            try (Scope step = backend.memory().scope("step")) {
                Tape tape = Tape.recording(backend, step, 0, 0);
                parameters.accumulator().reset();
                tape.backward(loss.apply(tape, List.of(ids(step, 1), ids(step, 2))), parameters.accumulator());
                parameters.accumulator().complete();
                return backend.floats(parameters.gradient(parameters.named("wte.weight")));
            }
        }
    }

    private interface Check {
        void on(Run run);
    }

    private static void run(Device device, Precision precision, Check check) {
        BackendOptions options = BackendOptions.DEFAULT.withThreads(1).withPrecision(precision);
        try (Backend backend = device.opener().apply(options);
                Scope scope = backend.memory().scope("test")) {
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 3, p -> new Gpt(CONFIG, p));
            check.on(new Run(backend, scope, built.model(), built.parameters()));
        }
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("runs")
    void changes_neither_losses_nor_gradients(Device device, Precision precision) {
        double tolerance = precision == Precision.BF16 ? 0x1p-8 : 1e-5; // a unit in the last place
        run(device, precision, run -> {
            Tape tape = Tape.inference(run.backend, run.scope);
            Tensor ids = run.ids(run.scope, 1);
            Tensor targets = run.ids(run.scope, 2);
            Tensor logits = run.gpt.logits(tape, ids);
            assertThat(logits.shape()).isEqualTo(new Shape(2, 12, VOCABULARY));
            float[] expected = run.backend.floats(
                    tape.applyAll(new SoftmaxCrossEntropy(logits, targets)).get(1));
            float[] losses =
                    run.backend.floats(run.gpt.losses(tape, ids, targets).get(1));
            assertThat(losses).containsExactly(expected, within((float) tolerance));

            float[] gradient = run.gradient((t, in) -> run.gpt.loss(t, in.get(0), in.get(1)));
            float[] dense =
                    run.gradient((t, in) -> t.apply(new SoftmaxCrossEntropy(run.gpt.logits(t, in.get(0)), in.get(1))));
            assertThat(gradient).containsExactly(dense, within((float) tolerance * largest(dense)));
        });
    }

    private static float largest(float[] values) {
        float largest = 0;
        for (float value : values) {
            largest = Math.max(largest, Math.abs(value));
        }
        return largest;
    }

    @ParameterizedTest(name = "{0}, {1}")
    @MethodSource("runs")
    void rows_below_stay_zero_while_training(Device device, Precision precision) {
        run(device, precision, run -> {
            Parameters parameters = run.parameters;
            int from = Math.toIntExact(parameters.place(parameters.named("wte.weight")));
            float[] before = run.backend.floats(parameters.weights());
            AdamW adamW = AdamW.Config.gpt3(1e-2).create(run.backend, run.scope, parameters);
            for (int step = 0; step < 3; step++) {
                run.gradient((t, in) -> run.gpt.loss(t, in.get(0), in.get(1)));
                adamW.step(1, 1);
                parameters.refresh();
            }
            float[] after = run.backend.floats(parameters.weights());
            for (int i = 0; i < 16 * WIDTH; i++) {
                if (i < VOCABULARY * WIDTH) {
                    assertThat(after[from + i]).as("element %d of the table", i).isNotEqualTo(before[from + i]);
                } else {
                    assertThat(after[from + i])
                            .as("element %d, below the table", i)
                            .isZero();
                }
            }
            assertThat(parameters.count()).isEqualTo(Parameters.count(p -> new Gpt(CONFIG, p)));
            assertThat(parameters.named("wte.weight").shape()).isEqualTo(new Shape(VOCABULARY, WIDTH));
        });
    }

    @Test
    void only_tables_have_such_rows() {
        assertThatThrownBy(() -> Parameters.shapes(
                        p -> p.padded(p.parameter("matrix", new Shape(3, 5), Role.MATRIX, Init.zeros()))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("matrix [3, 5] f32 is no table of this model");
    }
}
