package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.ours.ClozeOps;
import org.openjdk.jmh.annotations.Param;

/** [n, k] times [m, k] transposed, with a bias: n x m x k. */
public class LinearBenchmark extends OpBenchmark {
    @Param({"2048x1152x384", "2048x1536x384", "2048x384x1536", "256x3072x768", "1088x768x192"})
    String shape = "";

    @Override
    OpSide open(Backend backend) {
        int[] e = extents(shape);
        return ClozeOps.of(backend, new OpShape.Linear(e[0], e[1], e[2]));
    }
}
