package cloze.nn;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.op.Attention;
import cloze.op.AttentionMask;
import cloze.op.Heads;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class FirstQueryTest {
    private static final int B = 2;
    private static final int T = 7;
    private static final Heads HEADS = Heads.of(3, 5);

    @Test
    void the_values_weighted_by_its_probabilities_are_what_the_fused_attention_gives() {
        var random = new SplittableRandom(5);
        float[] qkv = new float[B * T * HEADS.fused()];
        for (int i = 0; i < qkv.length; i++) {
            qkv[i] = (float) (2 * random.nextGaussian());
        }
        float[] p = FirstQuery.probabilities(qkv, T, HEADS); // [B, H, T]
        assertThat(p).hasSize(B * 3 * T);
        float[] y; // [B, T, H K]
        try (Backend backend = Backends.open("cpu", BackendOptions.DEFAULT.withThreads(1));
                Scope scope = backend.memory().scope("test")) {
            var x = backend.set(scope.tensor("qkv", new Shape(B, T, HEADS.fused()), DType.F32), qkv);
            Tape tape = Tape.inference(backend, scope);
            y = backend.floats(tape.apply(new Attention(x, HEADS, new AttentionMask.None())));
        }
        for (int b = 0; b < B; b++) {
            for (int h = 0; h < 3; h++) {
                for (int d = 0; d < 5; d++) {
                    double sum = 0;
                    for (int t = 0; t < T; t++) {
                        int value = (b * T + t) * HEADS.fused() + 2 * HEADS.inner() + h * 5 + d;
                        sum += p[(b * 3 + h) * T + t] * qkv[value];
                    }
                    assertThat((double) y[b * T * HEADS.inner() + h * 5 + d]).isCloseTo(sum, within(1e-5));
                }
            }
        }
    }
}
