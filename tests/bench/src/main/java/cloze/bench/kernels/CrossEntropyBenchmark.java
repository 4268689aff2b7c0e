package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.ours.ClozeOps;
import org.openjdk.jmh.annotations.Param;

/** Rows x classes; forward makes the gradient too. It overwrites the logits: later runs see gradients. */
public class CrossEntropyBenchmark extends OpBenchmark {
    @Param({"256x50257"})
    String shape = "";

    @Override
    OpSide open(Backend backend) {
        int[] e = extents(shape);
        return ClozeOps.of(backend, new OpShape.CrossEntropy(e[0], e[1]));
    }
}
