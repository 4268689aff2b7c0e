package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.ShapeException;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A layer of long short-term memory: with {@code (i, f, g, o) = inputWeight x_t + hiddenWeight y_(t - 1) + bias} and
 * sigmoids of i, f and o, {@code c_t = f c_(t - 1) + i tanh(g)} and {@code y_t = o tanh(c_t)}. Results: y, the last of
 * y and of c, then values for backward in the backend's own layout.
 *
 * @param x [B, T, C]; T is 1 or more
 * @param h [B, H], y before the first token
 * @param c [B, H]
 * @param inputWeight [4 H, C], gates in the order i, f, g, o
 * @param hiddenWeight [4 H, H]
 * @param bias [4 H], or null; the sum of the two that some have
 * @see <a href="https://doi.org/10.1162/neco.1997.9.8.1735">Hochreiter, Schmidhuber 1997</a>, with the forget gate of
 *     Gers, Schmidhuber, Cummins 2000
 */
public record Lstm(
        Tensor x,
        Tensor h,
        Tensor c,
        Tensor inputWeight,
        Tensor hiddenWeight,
        @Nullable Tensor bias) implements Op {
    public interface Forward {
        void call(
                Tensor x,
                Tensor h,
                Tensor c,
                Tensor inputWeight,
                Tensor hiddenWeight,
                @Nullable Tensor bias,
                Tensor y,
                Tensor lastH,
                Tensor lastC,
                Tensor kept,
                long b,
                long t,
                long in,
                long hidden);

        /**
         * Shape of {@code kept}; by default gates after their activations [B, T, 4 H], then cells [B, T, H].
         *
         * @param x of the input
         * @param dtype of the input
         */
        default Shape kept(Shape x, DType dtype, int hidden, boolean bias) {
            return x.withLast(5 * hidden);
        }
    }

    /** May overwrite {@code kept}. */
    public interface Backward {
        void call(
                Tensor x,
                Tensor h,
                Tensor c,
                Tensor inputWeight,
                Tensor hiddenWeight,
                @Nullable Tensor bias,
                Tensor y,
                Tensor kept,
                @Nullable Tensor dy,
                @Nullable Tensor dlastH,
                @Nullable Tensor dlastC,
                @Nullable Tensor dx,
                @Nullable Tensor dh,
                @Nullable Tensor dc,
                @Nullable Tensor dinputWeight,
                @Nullable Tensor dhiddenWeight,
                @Nullable Tensor dbias,
                long b,
                long t,
                long in,
                long hidden,
                long accumulate);
    }

    public Lstm {
        Check.rank("Lstm", "x", x, 3, "[B, T, C]");
        Check.real("Lstm", "x", x);
        if (x.shape().extent(1) == 0) {
            throw new ShapeException("Lstm", "x", "[B, T, C] with T of 1 or more", x);
        }
        Check.rank("Lstm", "h", h, 2, "[B, H]");
        int batch = x.shape().extent(0);
        int hidden = h.shape().extent(1);
        if (h.shape().extent(0) != batch) {
            throw new ShapeException("Lstm", "h", String.format(Locale.ROOT, "[%d, H] to fit %s", batch, x), h);
        }
        Check.shape("Lstm", "c", c, h, batch, hidden);
        Check.shape("Lstm", "inputWeight", inputWeight, h, 4 * hidden, x.shape().extent(2));
        Check.shape("Lstm", "hiddenWeight", hiddenWeight, h, 4 * hidden, hidden);
        Check.shape("Lstm", "bias", bias, h, 4 * hidden);
        Check.same("Lstm", "h", h, x);
        Check.same("Lstm", "c", c, x);
        Check.same("Lstm", "inputWeight", inputWeight, x);
        Check.same("Lstm", "hiddenWeight", hiddenWeight, x);
        Check.dtype("Lstm", "bias", bias, DType.F32);
    }

    private long batch() {
        return x.shape().extent(0);
    }

    private long tokens() {
        return x.shape().extent(1);
    }

    private long in() {
        return x.shape().extent(2);
    }

    private long hidden() {
        return h.shape().extent(1);
    }

    @Override
    public List<Tensor> inputs() {
        return bias == null
                ? List.of(x, h, c, inputWeight, hiddenWeight)
                : List.of(x, h, c, inputWeight, hiddenWeight, bias);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        int hidden = h.shape().extent(1);
        Shape kept = backend.kernel(Forward.class).kept(x.shape(), x.dtype(), hidden, bias != null);
        return List.of(
                new Result("y", x.shape().withLast(hidden), x.dtype()),
                new Result("h", h.shape(), x.dtype()),
                new Result("c", c.shape(), x.dtype()),
                new Result("kept", kept, DType.F32));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        x,
                        h,
                        c,
                        inputWeight,
                        hiddenWeight,
                        bias,
                        r.get(0),
                        r.get(1),
                        r.get(2),
                        r.get(3),
                        batch(),
                        tokens(),
                        in(),
                        hidden());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        x,
                        h,
                        c,
                        inputWeight,
                        hiddenWeight,
                        bias,
                        r.get(0),
                        r.get(3),
                        g.arrivedAt(r.get(0)),
                        g.arrivedAt(r.get(1)),
                        g.arrivedAt(r.get(2)),
                        to.add(x),
                        to.add(h),
                        to.add(c),
                        to.addParameter(inputWeight),
                        to.addParameter(hiddenWeight),
                        to.addParameter(bias),
                        batch(),
                        tokens(),
                        in(),
                        hidden(),
                        to.accumulate());
    }
}
