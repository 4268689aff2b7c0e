package cloze.bench.kernels;

import cloze.backend.Backend;
import cloze.bench.OpSide;
import cloze.bench.ours.TokenOps;
import org.openjdk.jmh.annotations.Param;

/** The ops that move, mix or scale tokens, on a batch of 8 sequences of 256 tokens of width 384. */
public class TokenBenchmark extends OpBenchmark {
    @Param({"Add", "Dropout", "Embedding", "GatherTokens", "MeanPool", "RestoreTokens", "RmsNorm", "Rope", "SwiGlu"})
    String op = "";

    @Override
    OpSide open(Backend backend) {
        return TokenOps.of(backend, op);
    }
}
