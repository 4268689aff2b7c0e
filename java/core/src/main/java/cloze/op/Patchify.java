package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Cuts images into patches, row by row: patch (i, j) is {@code x[b, i P .. (i + 1) P, j P .. (j + 1) P, :]}, its pixels
 * row by row with their channels last. The order of the paper's code.
 *
 * @param x [B, H, W, C]
 * @param side P, which divides H and W
 * @see <a href="https://arxiv.org/abs/2111.06377">He et al. 2021, section 3</a>
 */
public record Patchify(Tensor x, int side) implements Op {
    public interface Forward {
        void call(Tensor x, Tensor y, long b, long h, long w, long c, long p);
    }

    public interface Backward {
        void call(Tensor dy, @Nullable Tensor dx, long b, long h, long w, long c, long p, long accumulate);
    }

    public Patchify {
        Check.rank("Patchify", "x", x, 4, "[B, H, W, C]");
        Check.real("Patchify", "x", x);
        Check.that(
                side > 0 && x.shape().extent(1) % side == 0 && x.shape().extent(2) % side == 0,
                "Patchify",
                "side",
                "a divisor of height and width of " + x,
                side);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(x);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        Shape s = x.shape();
        var shape = new Shape(s.extent(0), s.extent(1) / side * (s.extent(2) / side), side * side * s.extent(3));
        return List.of(new Result("y", shape, x.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        Shape s = x.shape();
        backend.kernel(Forward.class).call(x, r.getFirst(), s.extent(0), s.extent(1), s.extent(2), s.extent(3), side);
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Shape s = x.shape();
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        g.of(r.getFirst()),
                        to.add(x),
                        s.extent(0),
                        s.extent(1),
                        s.extent(2),
                        s.extent(3),
                        side,
                        to.accumulate());
    }
}
