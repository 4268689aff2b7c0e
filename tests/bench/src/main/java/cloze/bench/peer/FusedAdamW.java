package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.zeros;

import cloze.bench.BenchLibrary;
import cloze.optim.AdamW;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;

/** libtorch's fused AdamW, which updates every parameter in one call. */
final class FusedAdamW {
    private final MethodHandle fused;
    private final AdamW.Config config;
    private final List<Tensor> parameters;
    private final TensorVector weights;
    private final TensorVector m;
    private final TensorVector v;
    private final Tensor updates; // done so far, one for each parameter
    private final TensorVector eachUpdates; // views of it

    FusedAdamW(BenchLibrary library, AdamW.Config config, List<Tensor> parameters) {
        if (!library.openFusedAdamW()) {
            throw new IllegalStateException("this libtorch has no fused AdamW: it is not the official 2.7.1");
        }
        fused = library.fusedAdamW();
        this.config = config;
        this.parameters = List.copyOf(parameters);
        try (var _ = new AutoGradMode(false)) {
            weights = new TensorVector(parameters.toArray(Tensor[]::new));
            m = moments();
            v = moments();
            updates = zeros(parameters.size());
            eachUpdates = new TensorVector(LongStream.range(0, parameters.size())
                    .mapToObj(i -> updates.select(0, i))
                    .toArray(Tensor[]::new));
        }
    }

    private TensorVector moments() {
        return new TensorVector(
                parameters.stream().map(p -> p.detach().mul(new Scalar(0.0))).toArray(Tensor[]::new));
    }

    /** Updates the weights by their gradients, which it forgets. */
    void step() {
        try (var _ = new PointerScope()) {
            step(parameters.stream().map(Tensor::grad).toList());
            for (Tensor parameter : parameters) {
                parameter.mutable_grad().reset();
            }
        }
    }

    /** Updates the weights by gradients in their order. */
    void step(List<Tensor> gradients) {
        try (var _ = new PointerScope();
                var _ = new AutoGradMode(false)) {
            updates.add_(new Scalar(1.0));
            call(new TensorVector(gradients.toArray(Tensor[]::new)));
        }
    }

    private void call(TensorVector gradients) {
        try {
            fused.invokeExact(
                    weights.address(),
                    gradients.address(),
                    m.address(),
                    v.address(),
                    eachUpdates.address(),
                    config.learningRate(),
                    config.beta1(),
                    config.beta2(),
                    config.weightDecay(),
                    config.epsilon());
        } catch (Throwable e) {
            throw new IllegalStateException("fused_adamw_step", e);
        }
    }

    void close() {
        for (TensorVector vector : List.of(weights, m, v, eachUpdates)) {
            vector.close();
        }
        updates.close();
    }
}
