package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Puts kept tokens back in their places and a mask token everywhere else:
 * {@code y[b, i] = idsRestore[b, i] < M ? x[b, idsRestore[b, i]] : maskToken}.
 *
 * @param x [B, M, D]
 * @param maskToken [D]
 * @param idsRestore [B, N] i32, the inverse of the shuffle whose first M were kept: each of 0 to M - 1 once
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, section 3</a>
 */
public record RestoreTokens(Tensor x, Tensor maskToken, Tensor idsRestore) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor maskToken, Tensor idsRestore, Tensor y, long b, long m, long n, long d);
    }

    public interface Backward {
        void call(
                Tensor idsRestore,
                Tensor dy,
                @Nullable Tensor dx,
                @Nullable Tensor dmaskToken,
                long b,
                long m,
                long n,
                long d,
                long accumulate);
    }

    public RestoreTokens {
        Check.rank("RestoreTokens", "x", x, 3, "[B, M, D]");
        Check.real("RestoreTokens", "x", x);
        Check.shape("RestoreTokens", "maskToken", maskToken, x, x.shape().extent(2));
        Check.dtype("RestoreTokens", "maskToken", maskToken, DType.F32);
        Check.rank("RestoreTokens", "idsRestore", idsRestore, 2, "[B, N]");
        Check.shape(
                "RestoreTokens",
                "idsRestore",
                idsRestore,
                x,
                x.shape().extent(0),
                idsRestore.shape().extent(1));
        Check.dtype("RestoreTokens", "idsRestore", idsRestore, DType.I32);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x, maskToken);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        var shape = new Shape(
                x.shape().extent(0), idsRestore.shape().extent(1), x.shape().extent(2));
        return List.of(new Result("y", shape, x.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        x,
                        maskToken,
                        idsRestore,
                        r.getFirst(),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        idsRestore.shape().extent(1),
                        x.shape().extent(2));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        idsRestore,
                        g.of(r.getFirst()),
                        to.add(x),
                        to.add(maskToken),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        idsRestore.shape().extent(1),
                        x.shape().extent(2),
                        to.accumulate());
    }
}
