package cloze.optim;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;

/** The Euclidean norm of a vector. It is NaN or infinite if an element is, or if the squared norm exceeds f32. */
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

    /** @param out [1] f32, receives the squared norm */
    public static void squared(Backend backend, Tensor x, Tensor out) {
        backend.kernel(Squared.class).call(x, out, x.shape().size());
    }

    /** The factor that scales gradients of norm {@code norm} to a norm of at most {@code most}. */
    public static double clip(double norm, double most) {
        return norm > most ? most / norm : 1;
    }
}
