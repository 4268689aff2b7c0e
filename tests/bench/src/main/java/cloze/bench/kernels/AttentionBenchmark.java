package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.bench.OpShape;
import cloze.bench.OpSide;
import cloze.bench.ours.ClozeOps;
import org.openjdk.jmh.annotations.Param;

/** Batch x heads x tokens x width of a head; with 64 or 256 tokens causal, as in GPT. */
public class AttentionBenchmark extends OpBenchmark {
    @Param({"8x6x256x64", "4x12x64x64", "4x12x256x64", "64x3x17x64", "64x4x65x32"})
    String shape = "";

    @Override
    OpSide open(Backend backend) {
        int[] e = extents(shape);
        return ClozeOps.of(backend, new OpShape.Attention(e[0], e[1], e[2], e[3], e[2] % 64 == 0));
    }
}
