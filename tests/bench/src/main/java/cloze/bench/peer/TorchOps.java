package cloze.bench.peer;

import static org.bytedeco.pytorch.global.torch.cross_entropy_loss;
import static org.bytedeco.pytorch.global.torch.layer_norm;
import static org.bytedeco.pytorch.global.torch.linear;
import static org.bytedeco.pytorch.global.torch.softmax;

import cloze.bench.BenchLibrary;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.Samples;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** libtorch's side of every {@link OpShape}. */
public final class TorchOps {
    private static final double EPSILON = 1e-5;

    private TorchOps() {}

    public static OpSide of(BenchLibrary library, OpShape shape) {
        var samples = new Samples(1);
        return switch (shape) {
            case OpShape.Attention attention -> attention(samples, attention);
            case OpShape.Softmax(int n, int k) -> {
                Tensor scores = input(samples, n, k);
                yield TorchOp.of(() -> softmax(scores, 1), List.of(scores), tensor(samples, n, k));
            }
            case OpShape.LayerNorm(int n, int d) -> layerNorm(samples, n, d);
            case OpShape.Gelu(int n, int d, boolean tanh) -> {
                Tensor x = input(samples, n, d);
                yield TorchOp.of(() -> gelu(x, tanh), List.of(x), tensor(samples, n, d));
            }
            case OpShape.CrossEntropy(int n, int v) -> {
                Tensor logits = input(samples, n, v);
                Tensor targets = Tensor.create(TorchGpt.longs(samples.below(v, n)), n);
                Tensor one = Tensor.create(new float[] {1}, new long[0]);
                yield TorchOp.of(() -> cross_entropy_loss(logits, targets), List.of(logits), one);
            }
            case OpShape.AdamW(int parameters) -> new TorchAdamW(library, samples, parameters);
            case OpShape.Linear(int n, int m, int k) -> product(samples, n, m, k);
            case OpShape.Lstm lstm -> lstm(samples, lstm);
        };
    }

    private static Tensor gelu(Tensor x, boolean tanh) {
        return tanh ? torch.gelu(x, "tanh") : torch.gelu(x);
    }

    private static OpSide layerNorm(Samples samples, int n, int d) {
        Tensor x = input(samples, n, d);
        Tensor weight = input(samples, d);
        Tensor bias = input(samples, d);
        return TorchOp.of(
                () -> layer_norm(
                        x,
                        new long[] {d},
                        TorchParameters.optional(weight),
                        TorchParameters.optional(bias),
                        EPSILON,
                        true),
                List.of(x, weight, bias),
                tensor(samples, n, d));
    }

    private static OpSide product(Samples samples, int n, int m, int k) {
        Tensor x = input(samples, n, k);
        Tensor weight = input(samples, m, k);
        Tensor bias = input(samples, m);
        return TorchOp.of(
                () -> linear(x, weight, TorchParameters.optional(bias)),
                List.of(x, weight, bias),
                tensor(samples, n, m));
    }

    /** It has two biases, of which the second is zeros here. */
    private static OpSide lstm(Samples samples, OpShape.Lstm shape) {
        int hidden = shape.hidden();
        Tensor x = input(samples, shape.b(), shape.t(), shape.in());
        Tensor h = input(samples, 1, shape.b(), hidden);
        Tensor c = input(samples, 1, shape.b(), hidden);
        Tensor ofInput = weight(samples, 4 * hidden, shape.in());
        Tensor ofHidden = weight(samples, 4 * hidden, hidden);
        Tensor bias = input(samples, 4L * hidden);
        Tensor none = torch.zeros(4L * hidden);
        Tensor dy = tensor(samples, shape.b(), shape.t(), hidden);
        return TorchOp.of(
                () -> torch.lstm(
                                x,
                                new TensorVector(h, c),
                                new TensorVector(ofInput, ofHidden, bias, none),
                                true,
                                1,
                                0,
                                true,
                                false,
                                true)
                        .get0(),
                List.of(x, h, c, ofInput, ofHidden, bias),
                dy);
    }

    private static OpSide attention(Samples samples, OpShape.Attention shape) {
        long d = (long) shape.heads() * shape.width();
        try (var _ = new PointerScope()) {
            TensorVector parts = tensor(samples, shape.b(), shape.t(), 3 * d).split(d, 2);
            var qkv = new ArrayList<Tensor>();
            for (int i = 0; i < 3; i++) {
                Tensor part = heads(parts.get(i), shape);
                part.set_requires_grad(true);
                part.retainReference(); // outlives the scope
                qkv.add(part);
            }
            Tensor dy = heads(tensor(samples, shape.b(), shape.t(), d), shape);
            dy.retainReference();
            return TorchOp.ofHeads(
                    () -> TorchBlock.attend(qkv.get(0), qkv.get(1), qkv.get(2), shape.causal()), qkv, dy);
        }
    }

    /** [B, T, H K] as dense [B, H, T, K], the layout that suits libtorch best. */
    private static Tensor heads(Tensor x, OpShape.Attention shape) {
        return x.contiguous()
                .view(shape.b(), shape.t(), shape.heads(), shape.width())
                .transpose(1, 2)
                .contiguous();
    }

    private static Tensor input(Samples samples, long... shape) {
        Tensor tensor = tensor(samples, shape);
        tensor.set_requires_grad(true);
        return tensor;
    }

    private static Tensor weight(Samples samples, int m, int k) {
        Tensor weight = Tensor.create(samples.normal(m * k, 1 / Math.sqrt(k)), m, k);
        weight.set_requires_grad(true);
        return weight;
    }

    static Tensor tensor(Samples samples, long... shape) {
        long count = Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        return Tensor.create(samples.normal(Math.toIntExact(count), 1), shape);
    }
}
