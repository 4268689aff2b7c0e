package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.ours.ClozeOps;
import org.openjdk.jmh.annotations.Param;

/** Of 2048 x 1536 elements. */
public class GeluBenchmark extends OpBenchmark {
    @Param({"tanh", "erf"})
    String form = "";

    @Override
    OpSide open(Backend backend) {
        return ClozeOps.of(backend, new OpShape.Gelu(2048, 1536, form.equals("tanh")));
    }
}
