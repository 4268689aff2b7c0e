package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.ours.ClozeOps;
import org.openjdk.jmh.annotations.Param;

/** Rows x width. */
public class LayerNormBenchmark extends OpBenchmark {
    @Param({"2048x384", "1088x192"})
    String shape = "";

    @Override
    OpSide open(Backend backend) {
        int[] e = extents(shape);
        return ClozeOps.of(backend, new OpShape.LayerNorm(e[0], e[1]));
    }
}
