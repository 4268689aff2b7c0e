package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Rotary positions: the pair (i, i + K/2) of every query and key head is turned by {@code position theta^(-2 i / K)};
 * values pass unchanged.
 *
 * @param qkv [B, T, (H + 2 G) K], K even
 * @param starts [B] i32, position of the first token of each row, 0 or more, or null for 0
 * @see <a href="https://arxiv.org/abs/2104.09864">Su et al. 2021, equation 34</a>
 */
public record Rope(Tensor qkv, Heads heads, @Nullable Tensor starts, float theta) implements Op {
    public interface Forward {
        void call(
                Tensor qkv,
                @Nullable Tensor starts,
                Tensor y,
                long b,
                long t,
                long heads,
                long kvHeads,
                long width,
                float theta);
    }

    public interface Backward {
        void call(
                @Nullable Tensor starts,
                Tensor dy,
                @Nullable Tensor dqkv,
                long b,
                long t,
                long heads,
                long kvHeads,
                long width,
                float theta,
                long accumulate);
    }

    public Rope {
        Check.rank("Rope", "qkv", qkv, 3, "[B, T, (H + 2 G) K]");
        Check.real("Rope", "qkv", qkv);
        Check.shape("Rope", "qkv", qkv, qkv, qkv.shape().extent(0), qkv.shape().extent(1), heads.fused());
        Check.that(heads.width() % 2 == 0, "Rope", "head width", "even", heads.width());
        Check.shape("Rope", "starts", starts, qkv, qkv.shape().extent(0));
        Check.dtype("Rope", "starts", starts, DType.I32);
    }

    @Override
    public List<Tensor> inputs() {
        return List.of(qkv);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        return List.of(new Result("y", qkv.shape(), qkv.dtype()));
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        qkv,
                        starts,
                        r.getFirst(),
                        qkv.shape().extent(0),
                        qkv.shape().extent(1),
                        heads.queries(),
                        heads.keyValues(),
                        heads.width(),
                        theta);
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        starts,
                        g.of(r.getFirst()),
                        to.add(qkv),
                        qkv.shape().extent(0),
                        qkv.shape().extent(1),
                        heads.queries(),
                        heads.keyValues(),
                        heads.width(),
                        theta,
                        to.accumulate());
    }
}
