package cloze.task;

import static org.assertj.core.api.Assertions.assertThat;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.op.SoftmaxCrossEntropy;
import cloze.optim.AdamW;
import cloze.optim.Muon;
import cloze.optim.Schedule;
import cloze.stat.KneserNey;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import cloze.train.Objective;
import cloze.train.Trainer;
import cloze.train.TrainingConfig;
import cloze.train.TrainingHooks;
import java.io.IOException;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * A random string, a separator, the same string: what comes next in the second half can be known by looking back for
 * it, and in no other way. Fails if positions, mask or the backward pass of attention are wrong.
 */
class InductionTest {
    private static final int LENGTH = 16;
    private static final int SYMBOLS = 16;
    private static final int TIME = 2 * LENGTH;
    private static final int BATCH = 32;

    /** The text of one row, one token longer than the window. */
    private static int[] text(long row) {
        int[] half = new SplittableRandom(row).ints(LENGTH, 0, SYMBOLS).toArray();
        int[] text = new int[TIME + 1];
        System.arraycopy(half, 0, text, 0, LENGTH);
        text[LENGTH] = SYMBOLS;
        System.arraycopy(half, 0, text, LENGTH + 1, LENGTH);
        return text;
    }

    /** Inputs, or targets with the first half ignored. */
    private static int[] batch(long first, int rows, int shift) {
        return IntStream.range(0, rows)
                .mapToObj(row -> text(first + row))
                .flatMapToInt(text -> IntStream.range(0, TIME)
                        .map(t -> shift == 1 && t < LENGTH ? SoftmaxCrossEntropy.IGNORE : text[t + shift]))
                .toArray();
    }

    private record Copy(Gpt gpt, Parameters parameters) implements Objective {
        @Override
        public Tensor loss(Tape tape, long microBatch) {
            Tensor ids = tape.scope().tensor("ids", new Shape(BATCH, TIME), DType.I32);
            Tensor targets = tape.scope().tensor("targets", new Shape(BATCH, TIME), DType.I32);
            tape.backend().set(ids, batch(microBatch * BATCH, BATCH, 0));
            tape.backend().set(targets, batch(microBatch * BATCH, BATCH, 1));
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

    @Test
    void copies_the_first_half_where_n_grams_guess() throws IOException {
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("test")) {
            var config = new GptConfig(SYMBOLS + 1, TIME, 2, 64, Heads.of(4, 16), GptConfig.Style.MODERN, 0);
            Parameters.Built<Gpt> built = Parameters.build(backend, scope, 1, p -> new Gpt(config, p));
            int steps = 1200;
            var training = TrainingConfig.of(
                    steps, Muon.Config.of(AdamW.Config.gpt3(3e-3)), new Schedule.Linear(50, steps, 0.05));
            new Trainer(backend, new Copy(built.model(), built.parameters()), training, TrainingHooks.NONE, null).run();
            double accuracy = accuracy(backend, built.model());
            double chance = 1.0 / SYMBOLS;
            System.out.printf(
                    Locale.ROOT,
                    "induction: %.2f %% of the second half right, order-5 n-grams %.2f %%%n",
                    100 * accuracy,
                    100 * ngramAccuracy());
            assertThat(accuracy).isGreaterThanOrEqualTo(0.99);
            assertThat(ngramAccuracy()).isLessThan(3 * chance);
        }
    }

    private static final long UNSEEN = 1L << 40;

    private static double accuracy(Backend backend, Gpt gpt) {
        int rows = 256;
        try (Scope scope = backend.memory().scope("accuracy")) {
            Tensor ids = scope.tensor("ids", new Shape(rows, TIME), DType.I32);
            backend.set(ids, batch(UNSEEN, rows, 0));
            float[] logits = backend.floats(gpt.logits(Tape.inference(backend, scope), ids));
            int[] targets = batch(UNSEEN, rows, 1);
            int right = 0;
            for (int i = 0; i < targets.length; i++) {
                right += targets[i] >= 0 && likeliest(logits, i * (SYMBOLS + 1)) == targets[i] ? 1 : 0;
            }
            return (double) right / (rows * LENGTH);
        }
    }

    private static int likeliest(float[] logits, int from) {
        return IntStream.rangeClosed(0, SYMBOLS)
                .reduce((a, b) -> logits[from + b] > logits[from + a] ? b : a)
                .orElseThrow();
    }

    private static double ngramAccuracy() {
        int[] train = IntStream.range(0, 2000)
                .flatMap(row -> Arrays.stream(text(row)))
                .toArray();
        KneserNey model = KneserNey.train(train, 5, SYMBOLS + 1);
        int right = 0;
        int rows = 100;
        for (int row = 0; row < rows; row++) {
            int[] text = text(UNSEEN + row);
            for (int t = LENGTH; t < TIME; t++) {
                int[] context = Arrays.copyOfRange(text, 0, t + 1);
                int guess = IntStream.rangeClosed(0, SYMBOLS)
                        .reduce((a, b) -> model.logProbability(context, b) > model.logProbability(context, a) ? b : a)
                        .orElseThrow();
                right += guess == text[t + 1] ? 1 : 0;
            }
        }
        return (double) right / (rows * LENGTH);
    }
}
