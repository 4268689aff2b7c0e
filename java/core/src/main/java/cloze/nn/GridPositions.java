package cloze.nn;

import cloze.autograd.Tape;
import cloze.op.Add;
import cloze.op.Embedding;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Positions of patches in a grid, fixed or learned, after tokens without a place in it. */
public final class GridPositions {
    private static final double STD = 0.02;

    private final int count; // lead + N
    private final int width;
    private final @Nullable Tensor learned; // [lead + N, D]
    private final int lead;
    private final int grid;
    private volatile float @Nullable [] fixed; // [lead + N, D]

    /**
     * @param name of the table, if it is learned
     * @param lead tokens before the grid; fixed positions are zeros there
     * @param grid patches of a side
     */
    public GridPositions(ParameterSource p, String name, int lead, int grid, Stack stack) {
        count = lead + grid * grid;
        width = stack.width();
        boolean learns = stack.positions() == Stack.Positions.LEARNED;
        learned = learns ? p.parameter(name, new Shape(count, width), Role.TABLE, Init.normal(STD)) : null;
        this.lead = lead;
        this.grid = grid;
    }

    /** Made when first needed: a model is also made without memory, to see what sizes of a file would mean. */
    private float[] fixed() {
        float[] table = fixed;
        if (table == null) {
            table = fixed(lead, grid, width);
            fixed = table; // threads that meet here make the same one
        }
        return table;
    }

    private static float[] fixed(int lead, int grid, int width) {
        float[] places = SinCosPositions.grid(grid, grid, width);
        var all = new float[lead * width + places.length];
        System.arraycopy(places, 0, all, lead * width, places.length);
        return all;
    }

    private Tensor table(Tape tape) {
        return learned == null ? HostValues.real(tape, "positions", fixed(), count, width) : learned;
    }

    /** @param x [B, lead + N, D] */
    public Tensor add(Tape tape, Tensor x) {
        if (learned == null) {
            return tape.apply(new Add(x, table(tape)));
        }
        return add(tape, x, HostValues.ids(tape, "all positions", x, count, i -> i));
    }

    /**
     * Adds some of the positions.
     *
     * @param x [B, M, D]
     * @param ids [B, M] i32, where each token is
     */
    public Tensor add(Tape tape, Tensor x, Tensor ids) {
        return tape.apply(new Add(x, tape.apply(new Embedding(ids, table(tape), null, null))));
    }
}
