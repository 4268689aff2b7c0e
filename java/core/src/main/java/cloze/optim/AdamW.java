package cloze.optim;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.nn.Role;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.SequencedMap;
import java.util.function.ToDoubleFunction;

/**
 * Adam with decoupled weight decay of the parameters that have two or more dimensions:
 *
 * <pre>
 * m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2
 * weight = weight (1 - lr decay) - lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 * </pre>
 *
 * @see <a href="https://arxiv.org/abs/1711.05101">Decoupled Weight Decay Regularization, algorithm 2</a>
 */
public final class AdamW implements Optimizer {
    private static final int ROW = 16;

    /** {@code adam_w_step}. */
    public interface Step {
        void call(
                Tensor gradient,
                Tensor weight,
                Tensor m,
                Tensor v,
                long n,
                float lr,
                float beta1,
                float beta2,
                float epsilon,
                float decay,
                float correction1,
                float correction2,
                float gradientScale);
    }

    /** @param biasCorrection false leaves out the divisions by 1 - beta^t */
    public record Config(
            double learningRate, double beta1, double beta2, double epsilon, double weightDecay, boolean biasCorrection)
            implements Optimizer.Config {
        public Config {
            require("learningRate", "at least 0", learningRate, learningRate >= 0);
            require("beta1", "in [0, 1)", beta1, beta1 >= 0 && beta1 < 1);
            require("beta2", "in [0, 1)", beta2, beta2 >= 0 && beta2 < 1);
            require("epsilon", "at least 0", epsilon, epsilon >= 0);
            require("weightDecay", "at least 0", weightDecay, weightDecay >= 0);
        }

        /** Betas, epsilon and weight decay of GPT-3, appendix B. */
        public static Config gpt3(double learningRate) {
            return new Config(learningRate, 0.9, 0.95, 1e-8, 0.1, true);
        }

        /** BERT's original optimiser. It has no bias correction, which changes fine-tuning on small data sets. */
        public static Config bert(double learningRate) {
            return new Config(learningRate, 0.9, 0.999, 1e-6, 0.01, false);
        }

        private static void require(String name, String expected, double actual, boolean holds) {
            if (!holds) {
                throw new IllegalArgumentException(
                        String.format(Locale.ROOT, "AdamW: %s must be %s, but is %s", name, expected, actual));
            }
        }

        @Override
        public AdamW create(Backend backend, Scope scope, Parameters parameters) {
            return new AdamW(this, backend, scope, parameters, List.of(Role.values()));
        }
    }

    /**
     * A range of the flat buffers with one weight decay and one learning rate.
     *
     * @param share factor of the learning rate
     */
    private record Stretch(Tensor gradient, Tensor weight, Tensor m, Tensor v, long count, float decay, double share) {}

    private final Config config;
    private final Backend backend;
    private final Tensor m;
    private final Tensor v;
    private final List<Stretch> stretches = new ArrayList<>();
    private final SequencedMap<String, Tensor> state = new LinkedHashMap<>();
    private long updates;

    /** @param roles of the parameters to update; adjacent in the flat buffers */
    AdamW(Config config, Backend backend, Scope scope, Parameters parameters, List<Role> roles) {
        this(config, backend, scope, parameters, roles, _ -> 1);
    }

    /** @param share factor of the learning rate for a parameter */
    AdamW(
            Config config,
            Backend backend,
            Scope scope,
            Parameters parameters,
            List<Role> roles,
            ToDoubleFunction<Tensor> share) {
        this.config = config;
        this.backend = backend;
        long start = parameters.range(roles.getFirst()).from();
        long count = 0;
        for (Role role : roles) {
            count += parameters.range(role).count();
        }
        var shape = new Shape(Math.toIntExact(Math.ceilDiv(count, ROW)), ROW);
        m = zeros(backend, scope, "adam_w.m", shape);
        v = zeros(backend, scope, "adam_w.v", shape);
        for (Role role : roles) {
            float decay = role == Role.VECTOR ? 0 : (float) config.weightDecay();
            ranges(parameters, role, share).forEach((range, rate) -> {
                var moments = new Parameters.Range(range.from() - start, range.count());
                stretches.add(new Stretch(
                        parameters.part(parameters.gradients(), range),
                        parameters.part(parameters.weights(), range),
                        parameters.part(m, moments),
                        parameters.part(v, moments),
                        range.count(),
                        decay,
                        rate));
            });
        }
        for (Tensor parameter : parameters.tensors()) {
            if (roles.contains(parameters.role(parameter))) {
                name(scope, m, parameters.place(parameter) - start, parameter);
                name(scope, v, parameters.place(parameter) - start, parameter);
            }
        }
    }

    /** The parameters of a role as ranges, with adjacent parameters of equal factor merged. */
    private static SequencedMap<Parameters.Range, Double> ranges(
            Parameters parameters, Role role, ToDoubleFunction<Tensor> share) {
        Parameters.Range all = parameters.range(role);
        var ranges = new LinkedHashMap<Parameters.Range, Double>();
        long from = all.from();
        double shared = Double.NaN;
        for (Tensor parameter : parameters.tensors()) { // the parameters of a role are stored in this order
            if (parameters.role(parameter) == role) {
                double own = share.applyAsDouble(parameter);
                if (own != shared && !Double.isNaN(shared)) {
                    long place = parameters.place(parameter);
                    ranges.put(new Parameters.Range(from, place - from), shared);
                    from = place;
                }
                shared = own;
            }
        }
        long end = all.from() + all.count();
        if (end > from) {
            ranges.put(new Parameters.Range(from, end - from), shared);
        }
        return ranges;
    }

    private void name(Scope scope, Tensor moments, long from, Tensor parameter) {
        String name = moments.name() + "/" + parameter.name();
        state.put(name, scope.slice(moments, from, name, parameter.shape(), false));
    }

    static Tensor zeros(Backend backend, Scope scope, String name, Shape shape) {
        Tensor zeros = scope.tensor(name, shape, DType.F32);
        backend.zero(zeros);
        return zeros;
    }

    @Override
    public void step(double rateFactor, double gradientScale) {
        updates++;
        float correction1 = correction(config.beta1());
        float correction2 = correction(config.beta2());
        Step kernel = backend.kernel(Step.class);
        for (Stretch s : stretches) {
            kernel.call(
                    s.gradient(),
                    s.weight(),
                    s.m(),
                    s.v(),
                    s.count(),
                    (float) (config.learningRate() * rateFactor * s.share()),
                    (float) config.beta1(),
                    (float) config.beta2(),
                    (float) config.epsilon(),
                    s.decay(),
                    correction1,
                    correction2,
                    (float) gradientScale);
        }
    }

    private float correction(double beta) {
        return config.biasCorrection() ? (float) (1 / (1 - Math.pow(beta, (double) updates))) : 1;
    }

    @Override
    public long updates() {
        return updates;
    }

    @Override
    public void resumeAt(long done) {
        updates = done;
    }

    @Override
    public SequencedMap<String, Tensor> state() {
        return state;
    }

    @Override
    public long bytes() {
        return m.bytes() + v.bytes();
    }
}
