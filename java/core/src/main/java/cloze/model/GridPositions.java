package cloze.model;

import cloze.autograd.Tape;
import cloze.nn.Init;
import cloze.nn.ParameterSource;
import cloze.nn.Role;
import cloze.nn.SinCosPositions;
import cloze.op.Add;
import cloze.op.Embedding;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** Positions of patches in a grid, fixed or learned, behind tokens that are at no place in it. */
final class GridPositions {
    private static final double STD = 0.02;

    private final int lead;
    private final int grid;
    private final int width;
    private final @Nullable Tensor table; // [lead + N, D]

    /**
     * @param name of the table, if it is learned
     * @param lead tokens before the grid; fixed positions are zeros there
     * @param grid patches of a side
     */
    GridPositions(ParameterSource p, String name, int lead, int grid, MaeConfig.Stack stack) {
        this.lead = lead;
        this.grid = grid;
        width = stack.width();
        table = stack.positions() == MaeConfig.Positions.LEARNED
                ? p.parameter(name, new Shape(lead + grid * grid, width), Role.TABLE, Init.normal(STD))
                : null;
    }

    /** @param x [B, lead + N, D] */
    Tensor add(Tape tape, Tensor x) {
        int count = lead + grid * grid;
        if (table == null) {
            return tape.apply(new Add(x, HostValues.real(tape, "positions", fixed(), count, width)));
        }
        Tensor ids = HostValues.ids(tape, "all positions", x, count, i -> i);
        return tape.apply(new Add(x, tape.apply(new Embedding(ids, table, null, null))));
    }

    private float[] fixed() {
        float[] places = SinCosPositions.grid(grid, grid, width);
        var all = new float[lead * width + places.length];
        System.arraycopy(places, 0, all, lead * width, places.length);
        return all;
    }
}
