package cloze.optim;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/** The length of a long vector; NaN or infinite where any element is, or where its square does not fit f32. */
public final class GradientNorm {
    /** {@code gradient_norm_squared}: {@code out} [1] is the sum of the squares. */
    public interface Squared {
        void call(Tensor x, Tensor out, long n);
    }

    private GradientNorm() {}

    public static double of(Backend backend, Tensor x) {
        try (Scope scope = backend.memory().scope("gradient norm")) {
            Tensor out = scope.tensor("squared", new Shape(1), DType.F32);
            squared(backend, x, out);
            return Math.sqrt(backend.scalar(out));
        }
    }

    /** @param out [1] f32, takes the square of the length */
    public static void squared(Backend backend, Tensor x, Tensor out) {
        backend.kernel(Squared.class).call(x, out, x.shape().size());
    }

    /** What to multiply gradients of length {@code norm} by so that they are no longer than {@code most}. */
    public static double clip(double norm, double most) {
        return norm > most ? most / norm : 1;
    }
}
