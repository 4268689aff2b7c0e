package cloze.nn;

import cloze.backend.Backend;
import cloze.tensor.Tensor;

/** Initial values of a parameter. Random values depend on seed, parameter and index alone. */
public sealed interface Init {
    /** {@code init_normal}. */
    interface Normal {
        void call(Tensor y, long n, float mean, float std, long seed, long offset);
    }

    /** {@code init_uniform}: in [low, high). */
    interface Uniform {
        void call(Tensor y, long n, float low, float high, long seed, long offset);
    }

    /** Normal with mean 0. */
    record Gaussian(float std) implements Init {}

    /** Uniform in [-bound, bound). */
    record Symmetric(float bound) implements Init {}

    /** The same value everywhere. */
    record Constant(float value) implements Init {}

    static Init normal(double std) {
        return new Gaussian((float) std);
    }

    static Init uniform(double bound) {
        return new Symmetric((float) bound);
    }

    static Init zeros() {
        return new Constant(0);
    }

    static Init ones() {
        return new Constant(1);
    }

    /**
     * Fills a parameter.
     *
     * @param offset differs between the parameters of a model
     */
    default void fill(Backend backend, Tensor parameter, long seed, long offset) {
        long n = parameter.shape().size();
        switch (this) {
            case Gaussian(float std) -> backend.kernel(Normal.class).call(parameter, n, 0, std, seed, offset);
            case Symmetric(float bound) ->
                backend.kernel(Uniform.class).call(parameter, n, -bound, bound, seed, offset);
            case Constant(float value) -> backend.kernel(Uniform.class).call(parameter, n, value, value, seed, offset);
        }
    }
}
