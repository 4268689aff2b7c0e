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

/**
 * Momentum with updates orthogonalised by five Newton-Schulz steps, for the hidden matrices of a network. Embeddings,
 * heads, biases and norms use {@link AdamW}.
 *
 * @see <a href="https://kellerjordan.github.io/posts/muon/">Muon: an optimizer for hidden layers</a>
 */
public final class Muon implements Optimizer {
    private static final int ROW = 16;

    /** {@code muon_step}: {@code weight} is [n, m]; {@code scratch} holds 3 n m + 2 min(n, m)^2. */
    public interface Step {
        void call(
                Tensor gradient,
                Tensor weight,
                Tensor momentum,
                Tensor scratch,
                long n,
                long m,
                float lr,
                float beta,
                float decay,
                float gradientScale);
    }

    /** @param rest for all other parameters, with its own learning rate */
    public record Config(double learningRate, double momentum, double weightDecay, AdamW.Config rest)
            implements Optimizer.Config {
        public Config {
            if (!(learningRate >= 0 && momentum >= 0 && momentum < 1 && weightDecay >= 0)) {
                throw new IllegalArgumentException(
                        "Muon: learningRate and weightDecay must be at least 0 and momentum in [0, 1), but they are "
                                + String.format(Locale.ROOT, "%s, %s and %s", learningRate, weightDecay, momentum));
            }
        }

        /** The author's values: learning rate 0.02, momentum 0.95, weight decay 0.01. */
        public static Config of(AdamW.Config rest) {
            return new Config(0.02, 0.95, 0.01, rest);
        }

        @Override
        public Muon create(Backend backend, Scope scope, Parameters parameters) {
            return new Muon(this, backend, scope, parameters);
        }
    }

    private record Matrix(Tensor gradient, Tensor weight, Tensor momentum, long n, long m) {
        long scratch() {
            long least = Math.min(n, m);
            return 3 * n * m + 2 * least * least;
        }
    }

    private final Config config;
    private final Backend backend;
    private final AdamW rest;
    private final Tensor momentum;
    private final Tensor scratch;
    private final List<Matrix> matrices = new ArrayList<>();
    private final SequencedMap<String, Tensor> state = new LinkedHashMap<>();

    private Muon(Config config, Backend backend, Scope scope, Parameters parameters) {
        this.config = config;
        this.backend = backend;
        rest = new AdamW(config.rest(), backend, scope, parameters, List.of(Role.TABLE, Role.VECTOR));
        Parameters.Range range = parameters.range(Role.MATRIX);
        momentum = AdamW.zeros(backend, scope, "muon.momentum", rows(range.count()));
        long most = 0;
        for (Tensor parameter : parameters.tensors()) {
            if (parameters.role(parameter) == Role.MATRIX) {
                Matrix matrix = matrix(scope, parameters, parameter, parameters.place(parameter) - range.from());
                matrices.add(matrix);
                most = Math.max(most, matrix.scratch());
            }
        }
        scratch = scope.tensor("muon.scratch", rows(most), DType.F32);
        state.putAll(rest.state());
    }

    private Matrix matrix(Scope scope, Parameters parameters, Tensor parameter, long from) {
        String name = momentum.name() + "/" + parameter.name();
        Tensor own = scope.slice(momentum, from, name, parameter.shape(), false);
        state.put(name, own);
        long n = parameter.shape().extent(0);
        return new Matrix(
                parameters.gradient(parameter),
                parameter,
                own,
                n,
                parameter.shape().size() / n);
    }

    private static Shape rows(long count) {
        return new Shape(Math.toIntExact(Math.ceilDiv(count, ROW)), ROW);
    }

    @Override
    public void step(double rateFactor, double gradientScale) {
        Step kernel = backend.kernel(Step.class);
        for (Matrix matrix : matrices) {
            kernel.call(
                    matrix.gradient(),
                    matrix.weight(),
                    matrix.momentum(),
                    scratch,
                    matrix.n(),
                    matrix.m(),
                    (float) (config.learningRate() * rateFactor),
                    (float) config.momentum(),
                    (float) config.weightDecay(),
                    (float) gradientScale);
        }
        rest.step(rateFactor, gradientScale);
    }

    @Override
    public long updates() {
        return rest.updates();
    }

    @Override
    public void resumeAt(long done) {
        rest.resumeAt(done);
    }

    @Override
    public SequencedMap<String, Tensor> state() {
        return state;
    }

    @Override
    public long bytes() {
        return momentum.bytes() + scratch.bytes() + rest.bytes();
    }
}
