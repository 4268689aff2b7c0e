package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.randn;

import cloze.bench.Weights;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.jspecify.annotations.Nullable;

/** The parameters of a model; they take part in gradients. */
final class TorchParameters implements AutoCloseable {
    private static final double STD = 0.02;

    private final @Nullable Weights weights;
    private final List<Tensor> all = new ArrayList<>();

    /** @param weights initial values, or null for random ones */
    TorchParameters(@Nullable Weights weights) {
        this.weights = weights;
    }

    Tensor of(String name, long... shape) {
        Tensor parameter;
        if (weights == null) {
            try (var _ = new PointerScope()) {
                parameter = randn(shape).mul(new Scalar(STD));
                parameter.retainReference(); // outlives the scope
            }
        } else {
            parameter = Tensor.create(weights.of(name), shape);
        }
        parameter.set_requires_grad(true);
        all.add(parameter);
        return parameter;
    }

    /** As ops take a tensor that may be missing. */
    static TensorOptional optional(Tensor tensor) {
        return new TensorOptional(tensor);
    }

    List<Tensor> all() {
        return all;
    }

    @Override
    public void close() {
        all.forEach(Tensor::close);
    }
}
