package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The tokens at given places: {@code y[b, i] = x[b, ids[b, i]]}.
 *
 * @param x [B, N, D]
 * @param ids [B, M] i32, each in [0, N)
 */
public record GatherTokens(Tensor x, Tensor ids) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor ids, Tensor y, long b, long n, long m, long d);
    }

    public interface Backward {
        void call(Tensor ids, Tensor dy, @Nullable Tensor dx, long b, long n, long m, long d, long accumulate);
    }

    public GatherTokens {
        Check.rank("GatherTokens", "x", x, 3, "[B, N, D]");
        Check.real("GatherTokens", "x", x);
        Check.rank("GatherTokens", "ids", ids, 2, "[B, M]");
        Check.shape(
                "GatherTokens", "ids", ids, x, x.shape().extent(0), ids.shape().extent(1));
        Check.dtype("GatherTokens", "ids", ids, DType.I32);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        var shape = new Shape(
                ids.shape().extent(0), ids.shape().extent(1), x.shape().extent(2));
        return List.of(new Result("y", shape, x.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        x,
                        ids,
                        r.getFirst(),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        ids.shape().extent(1),
                        x.shape().extent(2));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        ids,
                        g.of(r.getFirst()),
                        to.add(x),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        ids.shape().extent(1),
                        x.shape().extent(2),
                        to.accumulate());
    }
}
