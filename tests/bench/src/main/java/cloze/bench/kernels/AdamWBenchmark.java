package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.ours.ClozeOps;
import org.openjdk.jmh.annotations.Param;

/** One update of so many parameters; there is no backward. */
public class AdamWBenchmark extends OpBenchmark {
    @Param({"10649600"})
    String shape = "";

    @Override
    OpSide open(Backend backend) {
        int[] e = extents(shape);
        return ClozeOps.of(backend, new OpShape.AdamW(e[0]));
    }
}
