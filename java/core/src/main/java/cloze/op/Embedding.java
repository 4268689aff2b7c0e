package cloze.op;

import cloze.autograd.Gradients;
import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Rows of a table, with learned positions added: {@code y[b, t] = table[ids[b, t]] + positions[starts[b] + t]}.
 *
 * @param ids [B, T] i32, each in [0, V)
 * @param table [V, D]
 * @param positions [P, D], or null for none
 * @param starts [B] i32, position of the first token of each row, in [0, P - T], or null for 0
 */
public record Embedding(
        Tensor ids,
        Tensor table,
        @Nullable Tensor positions,
        @Nullable Tensor starts) implements Op {
    public interface Forward {
        void call(
                Tensor ids,
                Tensor table,
                @Nullable Tensor positions,
                @Nullable Tensor starts,
                Tensor y,
                long b,
                long t,
                long v,
                long d,
                long p);
    }

    public interface Backward {
        void call(
                Tensor ids,
                @Nullable Tensor starts,
                Tensor dy,
                @Nullable Tensor dtable,
                @Nullable Tensor dpositions,
                long b,
                long t,
                long v,
                long d,
                long p,
                long accumulate);
    }

    public Embedding {
        Check.rank("Embedding", "ids", ids, 2, "[B, T]");
        Check.dtype("Embedding", "ids", ids, DType.I32);
        Check.rank("Embedding", "table", table, 2, "[V, D]");
        Check.real("Embedding", "table", table);
        Check.same("Embedding", "positions", positions, table);
        int t = ids.shape().extent(1);
        if (positions != null) {
            Check.rank("Embedding", "positions", positions, 2, "[P, D]");
            Check.that(
                    positions.shape().extent(1) == table.shape().extent(1)
                            && positions.shape().extent(0) >= t,
                    "Embedding",
                    "positions",
                    String.format(
                            Locale.ROOT, "[at least %d, %d]", t, table.shape().extent(1)),
                    positions);
        }
        Check.shape("Embedding", "starts", starts, ids, ids.shape().extent(0));
        Check.dtype("Embedding", "starts", starts, DType.I32);
    }

    @Override
    public List<Tensor> inputs() {
        return positions == null ? List.of(table) : List.of(table, positions);
    }

    @Override
    public List<Result> results(Backend backend, boolean training) {
        int d = table.shape().extent(1);
        return List.of(
                new Result("y", new Shape(ids.shape().extent(0), ids.shape().extent(1), d), table.dtype()));
    }

    private long extent(int axis) {
        return ids.shape().extent(axis);
    }

    private long p() {
        return positions == null ? 0 : positions.shape().extent(0);
    }

    @Override
    public void forward(Backend backend, List<Tensor> r, boolean training) {
        backend.kernel(Forward.class)
                .call(
                        ids,
                        table,
                        positions,
                        starts,
                        r.getFirst(),
                        extent(0),
                        extent(1),
                        table.shape().extent(0),
                        table.shape().extent(1),
                        p());
    }

    @Override
    public void backward(Backend backend, List<Tensor> r, Gradients g) {
        Gradients.Targets to = g.targets();
        backend.kernel(Backward.class)
                .call(
                        ids,
                        starts,
                        g.of(r.getFirst()),
                        to.addParameter(table),
                        to.addParameter(positions),
                        extent(0),
                        extent(1),
                        table.shape().extent(0),
                        table.shape().extent(1),
                        p(),
                        to.accumulate());
    }
}
