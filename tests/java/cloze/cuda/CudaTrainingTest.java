package cloze.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendException;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.backend.Precision;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Optimizer;
import cloze.optim.Schedule;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.train.Objective;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** A GPT of two layers learns on the CUDA backend what it learns on the CPU: the losses of ten steps agree. */
class CudaTrainingTest {
    private static final int BATCH = 2;
    private static final int TIME = 24;
    private static final int VOCABULARY = 17;
    private static final int STEPS = 10;

    /** The difference that f32 sums in another order may make in ten steps. */
    private static final double TOLERANCE = 2e-4;

    /** The difference that steps in bf16 may make: a hundredth of the loss, which is near 3. */
    private static final double TOLERANCE_OF_BF16 = 0.03;

    /** The difference that steps in tf32 may make: factors have three bits more than bf16, and nothing else is rounded. */
    private static final double TOLERANCE_OF_TF32 = TOLERANCE_OF_BF16 / 8;

    static Stream<Arguments> models() {
        Optimizer.Config adamW = AdamW.Config.gpt3(3e-3);
        return Stream.of(
                Arguments.of("GPT-2's style, AdamW", GptConfig.Style.GPT2, Heads.of(2, 16), adamW),
                Arguments.of(
                        "rotary, grouped heads, Muon",
                        GptConfig.Style.MODERN,
                        new Heads(4, 2, 8),
                        Muon.Config.of(AdamW.Config.gpt3(3e-3))));
    }

    private record NextSymbol(Gpt gpt, Parameters parameters) implements Objective {
        @Override
        public Tensor loss(Tape tape, long microBatch) {
            int[] text = new SplittableRandom(microBatch % 3)
                    .ints(BATCH * TIME + 1L, 0, VOCABULARY)
                    .toArray();
            Tensor ids = tape.scope().tensor("ids", new Shape(BATCH, TIME), DType.I32);
            Tensor targets = tape.scope().tensor("targets", new Shape(BATCH, TIME), DType.I32);
            tape.backend().set(ids, Arrays.copyOf(text, BATCH * TIME));
            tape.backend().set(targets, Arrays.copyOfRange(text, 1, BATCH * TIME + 1));
            return gpt.loss(tape, ids, targets);
        }

        @Override
        public long unitsPerMicroBatch() {
            return (long) BATCH * TIME;
        }

        @Override
        public String unit() {
            return "tokens";
        }
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void losses_are_those_of_the_cpu(String name, GptConfig.Style style, Heads heads, Optimizer.Config optimizer)
            throws IOException {
        var config = new GptConfig(VOCABULARY, TIME, 2, 32, heads, style, 0.1f);
        List<Double> expected = losses("cpu", config, optimizer, Precision.FP32);
        List<Double> actual = losses("cuda", config, optimizer, Precision.FP32);
        assertThat(actual).hasSize(STEPS);
        for (int i = 0; i < STEPS; i++) {
            assertThat(actual.get(i)).as("loss of step %d", i).isCloseTo(expected.get(i), within(TOLERANCE));
        }
        assertThat(actual.getLast()).isLessThan(actual.getFirst());
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void losses_in_tf32_are_close(String name, GptConfig.Style style, Heads heads, Optimizer.Config optimizer)
            throws IOException {
        losses_are_close(style, heads, optimizer, Precision.TF32, TOLERANCE_OF_TF32);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("models")
    void losses_in_bf16_are_close(String name, GptConfig.Style style, Heads heads, Optimizer.Config optimizer)
            throws IOException {
        losses_are_close(style, heads, optimizer, Precision.BF16, TOLERANCE_OF_BF16);
    }

    private static void losses_are_close(
            GptConfig.Style style, Heads heads, Optimizer.Config optimizer, Precision precision, double tolerance)
            throws IOException {
        var config = new GptConfig(VOCABULARY, TIME, 2, 32, heads, style, 0.1f);
        List<Double> expected = losses("cuda", config, optimizer, Precision.FP32);
        List<Double> actual = losses("cuda", config, optimizer, precision);
        assertThat(actual).isNotEqualTo(expected);
        for (int i = 0; i < STEPS; i++) {
            assertThat(actual.get(i)).as("loss of step %d", i).isCloseTo(expected.get(i), within(tolerance));
        }
    }

    @Test
    void the_cpu_refuses_bf16() {
        assertThatThrownBy(() -> Backends.open("cpu", BackendOptions.DEFAULT.withPrecision(Precision.BF16)))
                .isInstanceOf(BackendException.class)
                .hasMessage("device cpu computes in fp32 alone, not in bf16");
    }

    private static List<Double> losses(String device, GptConfig config, Optimizer.Config optimizer, Precision precision)
            throws IOException {
        var losses = new ArrayList<Double>();
        try (Backend backend = Backends.open(device, BackendOptions.DEFAULT.withPrecision(precision));
                Scope scope = backend.memory().scope("test")) {
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            var training = TrainingConfig.of(STEPS, optimizer, new Schedule.Linear(1, STEPS, 0.1));
            TrainingHooks hooks = TrainingHooks.NONE.withListener(event -> {
                if (event instanceof TrainingEvent.Step step) {
                    losses.add(step.loss());
                }
            });
            new Trainer(backend, new NextSymbol(built.model(), built.parameters()), training, hooks, null).run();
        }
        return losses;
    }
}
