package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.cat;

import cloze.bench.OpSide;
import java.util.List;
import java.util.function.Supplier;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.TensorVector;
import org.jspecify.annotations.Nullable;

/** One of libtorch's ops. */
final class TorchOp implements OpSide {
    private final Supplier<Tensor> op;
    private final List<Tensor> inputs;
    private final Tensor dvalue;
    private final boolean heads;
    private @Nullable PointerScope scope;
    private @Nullable Tensor value;

    /**
     * @param inputs whose gradients are asked for, the first of them by the caller
     * @param dvalue gradient of the value
     */
    static TorchOp of(Supplier<Tensor> op, List<Tensor> inputs, Tensor dvalue) {
        return new TorchOp(op, inputs, dvalue, false);
    }

    /** Of q, k and v, each [B, H, T, K], which the other side has in one [B, T, 3 H K]. */
    static TorchOp ofHeads(Supplier<Tensor> op, List<Tensor> qkv, Tensor dvalue) {
        return new TorchOp(op, qkv, dvalue, true);
    }

    private TorchOp(Supplier<Tensor> op, List<Tensor> inputs, Tensor dvalue, boolean heads) {
        this.op = op;
        this.inputs = inputs;
        this.dvalue = dvalue;
        this.heads = heads;
    }

    @Override
    public void prepare() {
        scope = new PointerScope();
    }

    @Override
    public void forward() {
        value = op.get();
    }

    @Override
    public void backward() {
        result().backward(dvalue, new BoolOptional(), false, new TensorArrayRefOptional());
    }

    private Tensor result() {
        if (value == null) {
            throw new IllegalStateException("forward comes first");
        }
        return value;
    }

    @Override
    public float[] value() {
        return floats(heads ? merged(result()) : result());
    }

    @Override
    public float[] gradient() {
        if (!heads) {
            return floats(inputs.getFirst().grad());
        }
        Tensor[] all = inputs.stream().map(input -> merged(input.grad())).toArray(Tensor[]::new);
        return floats(cat(new TensorVector(all), 2));
    }

    /** [B, H, T, K] as [B, T, H K] */
    private static Tensor merged(Tensor x) {
        return x.transpose(1, 2).contiguous().view(x.size(0), x.size(2), x.size(1) * x.size(3));
    }

    static float[] floats(Tensor tensor) {
        Tensor dense = tensor.contiguous();
        var values = new float[Math.toIntExact(dense.numel())];
        FloatPointer data = dense.data_ptr_float();
        data.get(values);
        return values;
    }

    @Override
    public void clear() {
        for (Tensor input : inputs) {
            input.mutable_grad().reset();
        }
        if (scope != null) {
            scope.close();
        }
    }

    @Override
    public void close() {
        inputs.forEach(Tensor::close);
        dvalue.close();
    }
}
