package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The recurrence of a long short-term memory: with {@code (i, f, g, o) = x_t + weight y_(t - 1)} and sigmoids of i, f and
 * o, {@code c_t = f c_(t - 1) + i tanh(g)} and {@code y_t = o tanh(c_t)}. What the input and the biases have to say to
 * the gates is x: one {@link MatMul} for all tokens, so that only what has to wait for the token before is done a token at
 * a time. Results: y, the last of y and of c, then gates and cells for backward.
 *
 * @param x [B, T, 4 H], gates in the order i, f, g, o; T is 1 or more
 * @param h [B, H], y before the first token
 * @param c [B, H]
 * @param weight [4 H, H]
 * @see <a href="https://doi.org/10.1162/neco.1997.9.8.1735">Hochreiter, Schmidhuber 1997</a>, with the forget gate of
 *     Gers, Schmidhuber, Cummins 2000
 */
public record Lstm(Tensor x, Tensor h, Tensor c, Tensor weight) implements Op {
    public interface Forward {
        void call(
                Tensor x,
                Tensor h,
                Tensor c,
                Tensor weight,
                Tensor y,
                Tensor lastH,
                Tensor lastC,
                Tensor gates,
                Tensor cells,
                long b,
                long t,
                long hidden);
    }

    /**
     * May overwrite {@code gates}. Bit 0 of {@code accumulate} is also set where there is no {@code dx}: only a dx that is
     * overwritten can hold the gradients of the gates meanwhile.
     */
    public interface Backward {
        void call(
                Tensor h,
                Tensor c,
                Tensor weight,
                Tensor y,
                Tensor gates,
                Tensor cells,
                @Nullable Tensor dy,
                @Nullable Tensor dlastH,
                @Nullable Tensor dlastC,
                @Nullable Tensor dx,
                @Nullable Tensor dh,
                @Nullable Tensor dc,
                @Nullable Tensor dweight,
                long b,
                long t,
                long hidden,
                long accumulate);
    }

    public Lstm {
        Check.rank("Lstm", "x", x, 3, "[B, T, 4 H]");
        Check.real("Lstm", "x", x);
        if (x.shape().extent(1) == 0 || x.shape().extent(2) % 4 != 0) {
            throw new ShapeException("Lstm", "x", "[B, T, 4 H] with T of 1 or more", x);
        }
        int hidden = x.shape().extent(2) / 4;
        Check.shape("Lstm", "h", h, x, x.shape().extent(0), hidden);
        Check.shape("Lstm", "c", c, x, x.shape().extent(0), hidden);
        Check.shape("Lstm", "weight", weight, x, 4 * hidden, hidden);
        Check.same("Lstm", "h", h, x);
        Check.same("Lstm", "c", c, x);
        Check.same("Lstm", "weight", weight, x);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x, h, c, weight);
    }

    @Override
    public List<Result> results(boolean training) {
        Shape y = x.shape().withLast(h.shape().extent(1));
        return List.of(
                new Result("y", y, x.dtype()),
                new Result("h", h.shape(), x.dtype()),
                new Result("c", c.shape(), x.dtype()),
                new Result("gates", x.shape(), DType.F32),
                new Result("cells", y, DType.F32));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        x,
                        h,
                        c,
                        weight,
                        r.get(0),
                        r.get(1),
                        r.get(2),
                        r.get(3),
                        r.get(4),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        h.shape().extent(1));
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        Tensor dx = to.add(x);
        backend.kernel(Backward.class)
                .call(
                        h,
                        c,
                        weight,
                        r.get(0),
                        r.get(3),
                        r.get(4),
                        g.arrivedAt(r.get(0)),
                        g.arrivedAt(r.get(1)),
                        g.arrivedAt(r.get(2)),
                        dx,
                        to.add(h),
                        to.add(c),
                        to.addParameter(weight),
                        x.shape().extent(0),
                        x.shape().extent(1),
                        h.shape().extent(1),
                        to.accumulate() | (dx == null ? 1 : 0));
    }
}
