package cloze.cuda;

import cloze.backend.Backend;
import cloze.backend.BackendOptions;
import cloze.backend.Backends;
import cloze.op.Gelu;
import cloze.op.HostCuda;
import cloze.op.MatMul;
import cloze.optim.AdamW;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.Locale;

/** Prints what a call of a kernel costs the host, over a driver that takes launches and does nothing. */
final class LaunchCost {
    private static final int CALLS = 300_000;
    private static final int ROUNDS = 6; // the first ones are compiled

    private LaunchCost() {}

    /** With the properties of the tests: {@code cloze.cuda.driver}, {@code cloze.cuda.kernels}, {@code cloze.cuda.matmul}. */
    public static void main(String... arguments) {
        try (Backend backend = Backends.open("cuda", BackendOptions.DEFAULT);
                Scope scope = backend.memory().scope("cost")) {
            HostCuda.idle(true);
            Tensor x = scope.tensor("x", new Shape(64, 64), DType.F32);
            Tensor bias = scope.tensor("bias", new Shape(64), DType.F32);
            Gelu.Forward gelu = backend.kernel(Gelu.Forward.class);
            AdamW.Step adamW = backend.kernel(AdamW.Step.class);
            MatMul.Backward product = backend.kernel(MatMul.Backward.class);
            for (int round = 0; round < ROUNDS; round++) {
                print("gelu_forward", () -> gelu.call(x, x, 4096, 1));
                print("adam_w_step", () -> adamW.call(x, x, x, x, 4096, round(), 0.9f, 0.95f, 1e-8f, 0.1f, 1, 1, 1));
                print("mat_mul_backward, 5 launches", () -> product.call(x, x, null, x, x, x, bias, 64, 64, 64, 0, 0));
            }
            HostCuda.idle(false);
        }
    }

    private static float round() {
        return System.nanoTime();
    }

    private static void print(String what, Runnable call) {
        long begin = System.nanoTime();
        for (int i = 0; i < CALLS; i++) {
            call.run();
        }
        System.out.printf(Locale.ROOT, "%s: %d ns%n", what, (System.nanoTime() - begin) / CALLS);
    }
}
