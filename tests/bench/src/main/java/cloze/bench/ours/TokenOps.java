package cloze.bench.ours;

import cloze.backend.Backend;
import cloze.bench.OpSide;
import cloze.op.Add;
import cloze.op.Dropout;
import cloze.op.DropoutKey;
import cloze.op.Embedding;
import cloze.op.GatherTokens;
import cloze.op.Heads;
import cloze.op.MeanPool;
import cloze.op.Op;
import cloze.op.RestoreTokens;
import cloze.op.RmsNorm;
import cloze.op.Rope;
import cloze.op.SwiGlu;
import cloze.tensor.Tensor;
import java.util.function.Function;

/** Ops on a batch of token vectors [B, T, D]. */
public final class TokenOps {
    private static final int B = 8;
    private static final int T = 256;
    private static final int D = 384;
    private static final int VOCABULARY = 8192;
    private static final Heads HEADS = Heads.of(6, 64);

    private TokenOps() {}

    /** @param op simple name of its record */
    public static OpSide of(Backend backend, String op) {
        var in = new OpInputs(backend);
        return switch (op) {
            case "Add" -> {
                Tensor y = in.normal("y", T, D);
                yield over(backend, in, D, D, T, x -> new Add(x, y));
            }
            case "Dropout" -> over(backend, in, D, D, T, x -> new Dropout(x, new DropoutKey(0.1f, 1, 0)));
            case "Embedding" -> embedding(backend, in);
            case "GatherTokens" -> {
                Tensor ids = in.below(T, "ids", B, T / 4);
                yield over(backend, in, D, D, T / 4, x -> new GatherTokens(x, ids));
            }
            case "MeanPool" -> {
                Tensor x = in.normal("x", B, T, D);
                yield new ClozeOp(backend, in, () -> new MeanPool(x, null), x, in.gradient(B, D));
            }
            case "RestoreTokens" -> {
                Tensor mask = in.normal("mask token", D);
                Tensor ids = in.below(4 * T, "ids", B, T);
                yield over(backend, in, D, D, T, x -> new RestoreTokens(x, mask, ids));
            }
            case "RmsNorm" -> {
                Tensor weight = in.normal("weight", D);
                yield over(backend, in, D, D, T, x -> new RmsNorm(x, weight, 1e-5f));
            }
            case "Rope" -> over(backend, in, 3 * D, 3 * D, T, x -> new Rope(x, HEADS, null, 1e4f));
            case "SwiGlu" -> over(backend, in, 2 * D, D, T, x -> new SwiGlu(x));
            default -> throw new IllegalArgumentException("no op is named " + op);
        };
    }

    /** An op that makes [B, tokens, width] of [B, T, from]. */
    private static OpSide over(Backend backend, OpInputs in, int from, int width, int tokens, Function<Tensor, Op> op) {
        Tensor x = in.normal("x", B, T, from);
        Tensor dy = in.gradient(B, tokens, width);
        return new ClozeOp(backend, in, () -> op.apply(x), x, dy);
    }

    private static OpSide embedding(Backend backend, OpInputs in) {
        Tensor table = in.normal("table", VOCABULARY, D);
        Tensor positions = in.normal("positions", T, D);
        Tensor ids = in.below(VOCABULARY, "ids", B, T);
        Tensor dy = in.gradient(B, T, D);
        return new ClozeOp(backend, in, () -> new Embedding(ids, table, positions, null), table, dy);
    }
}
