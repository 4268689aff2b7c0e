package cloze.cuda;

import static cloze.cuda.launch.LaunchPlan.first;
import static cloze.cuda.launch.Stage.blocks;
import static cloze.cuda.launch.Stage.chunks;
import static cloze.cuda.launch.Stage.columns;
import static cloze.cuda.launch.Stage.elements;
import static cloze.cuda.launch.Stage.one;
import static cloze.cuda.launch.Stage.rows;
import static cloze.cuda.launch.Stage.tiles;
import static cloze.cuda.launch.Stage.totals;

import cloze.autograd.Gradients;
import cloze.cuda.attention.AttentionKernels;
import cloze.cuda.driver.Extent;
import cloze.cuda.launch.ConvolutionLaunches;
import cloze.cuda.launch.EmbeddingLaunches;
import cloze.cuda.launch.KernelSizes;
import cloze.cuda.launch.LaunchPlan;
import cloze.cuda.launch.LstmLaunches;
import cloze.cuda.launch.MatMulLaunches;
import cloze.cuda.launch.NormLaunches;
import cloze.cuda.launch.Stage;
import cloze.measure.Peak;
import cloze.nn.Init;
import cloze.nn.Parameters;
import cloze.nn.RandomMask;
import cloze.op.Add;
import cloze.op.Attention;
import cloze.op.CachedAttention;
import cloze.op.Conv2d;
import cloze.op.DropPath;
import cloze.op.Dropout;
import cloze.op.Embedding;
import cloze.op.GatherTokens;
import cloze.op.Gelu;
import cloze.op.LayerNorm;
import cloze.op.Lstm;
import cloze.op.MaskedL1;
import cloze.op.MaskedMse;
import cloze.op.MaskedSoftmax;
import cloze.op.MatMul;
import cloze.op.MeanPool;
import cloze.op.Patchify;
import cloze.op.RestoreTokens;
import cloze.op.RmsNorm;
import cloze.op.Rope;
import cloze.op.SoftTargetCrossEntropy;
import cloze.op.SoftmaxCrossEntropy;
import cloze.op.SwiGlu;
import cloze.optim.AdamW;
import cloze.optim.Ema;
import cloze.optim.GradientNorm;
import cloze.optim.Muon;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The table of launches: blocks, threads and scratch of every kernel. */
final class Launches {
    private static final int FLOAT = Float.BYTES;

    private static final Map<Class<?>, LaunchPlan> PLANS = new HashMap<>();

    static {
        PLANS.put(Gradients.Add.class, first(elements("n")));
        PLANS.put(Init.Normal.class, first(elements("n")));
        PLANS.put(Init.Uniform.class, first(elements("n")));
        PLANS.put(AdamW.Step.class, first(elements("n")));
        PLANS.put(Ema.Update.class, first(elements("n")));
        PLANS.put(
                GradientNorm.Squared.class,
                first(elements("n")).then("total", one()).scratch(Launches::sumsOfBlocks));
        PLANS.put(Muon.Step.class, muon());
        PLANS.put(Parameters.Narrow.class, first(elements("n")));
        PLANS.put(Peak.MultiplyAdd.class, first(elements("n")));

        PLANS.put(Add.Forward.class, first(elements("n", "d")));
        PLANS.put(Add.Backward.class, withColumns(elements("n", "d"), s -> s.of("n"), "d", 1));
        PLANS.put(Dropout.Forward.class, first(elements("n")));
        PLANS.put(Dropout.Backward.class, first(elements("n")));
        PLANS.put(DropPath.Forward.class, first(elements("b", "n")));
        PLANS.put(DropPath.Backward.class, first(elements("b", "n")));
        PLANS.put(Gelu.Forward.class, first(elements("n")));
        PLANS.put(Gelu.Backward.class, first(elements("n")));
        PLANS.put(SwiGlu.Forward.class, first(elements("n", "f")));
        PLANS.put(SwiGlu.Backward.class, first(elements("n", "f")));
        PLANS.put(Rope.Forward.class, first(elements("b", "t", "width")).withIndices());
        PLANS.put(Rope.Backward.class, first(elements("b", "t", "width")));

        PLANS.put(LayerNorm.Forward.class, NormLaunches.forward());
        PLANS.put(LayerNorm.Backward.class, NormLaunches.backward(2));
        PLANS.put(RmsNorm.Forward.class, NormLaunches.forward());
        PLANS.put(RmsNorm.Backward.class, NormLaunches.backward(1));
        PLANS.put(MaskedSoftmax.Forward.class, first(rows("n")));
        PLANS.put(MaskedSoftmax.Backward.class, first(rows("n")));
        PLANS.put(
                SoftmaxCrossEntropy.Forward.class,
                first(one())
                        .then("rows", s -> Stage.longRows(s.of("n"), s.of("columns")))
                        .then("mean", one())
                        .scratch(_ -> (long) Integer.BYTES)
                        .withIndices());
        PLANS.put(SoftmaxCrossEntropy.Backward.class, first(elements("n", "columns")));
        PLANS.put(SoftTargetCrossEntropy.Forward.class, first(rows("n")).then("mean", one()));
        PLANS.put(SoftTargetCrossEntropy.Backward.class, first(rows("n")));

        PLANS.put(Embedding.Forward.class, first(elements("b", "t", "d")).withIndices());
        PLANS.put(Embedding.Backward.class, EmbeddingLaunches.plan());
        PLANS.put(GatherTokens.Forward.class, first(elements("b", "m", "d")).withIndices());
        PLANS.put(GatherTokens.Backward.class, first(rows("b", "n")));
        PLANS.put(RestoreTokens.Forward.class, first(elements("b", "n", "d")).withIndices());
        PLANS.put(RestoreTokens.Backward.class, withColumns(elements("b", "n", "d"), s -> s.product("b", "n"), "d", 1));
        PLANS.put(Patchify.Forward.class, first(elements("b", "h", "w", "c")));
        PLANS.put(Patchify.Backward.class, first(elements("b", "h", "w", "c")));
        PLANS.put(RandomMask.Draw.class, first(blocks("b")));
        PLANS.put(MaskedMse.Forward.class, first(rows("n")).then("mean", one()).withIndices());
        PLANS.put(
                MaskedMse.Backward.class, first(one()).then("input", rows("n")).scratch(_ -> (long) FLOAT));
        PLANS.put(MaskedL1.Forward.class, first(rows("n")).then("mean", one()).withIndices());
        PLANS.put(MaskedL1.Backward.class, first(one()).then("input", rows("n")).scratch(_ -> (long) FLOAT));
        PLANS.put(MeanPool.Forward.class, first(elements("b", "d")));
        PLANS.put(MeanPool.Backward.class, first(elements("b", "d")));

        PLANS.put(MatMul.Forward.class, MatMulLaunches.forward().withTf32());
        PLANS.put(MatMul.Backward.class, MatMulLaunches.backward().withTf32());
        PLANS.put(Conv2d.Forward.class, ConvolutionLaunches.forward().withTf32());
        PLANS.put(Conv2d.Backward.class, ConvolutionLaunches.backward().withTf32());
        PLANS.put(Lstm.Forward.class, LstmLaunches.forward().withTf32());
        PLANS.put(Lstm.Backward.class, LstmLaunches.backward().withTf32());
        PLANS.put(Attention.Forward.class, AttentionKernels.anyForward());
        PLANS.put(Attention.Backward.class, AttentionKernels.anyBackward());
        PLANS.put(
                CachedAttention.Forward.class,
                AttentionKernels.anyForward()
                        .then("append", elements("b", "t", "kvHeads", "width"))
                        .withIndices());
    }

    private Launches() {}

    static @Nullable LaunchPlan of(Class<?> kernel) {
        return PLANS.get(kernel);
    }

    /** A launch over rows, then k sums over the rows for each column. */
    private static LaunchPlan withColumns(
            Function<KernelSizes, Extent> extent, Function<KernelSizes, Long> rows, String d, int k) {
        return first(extent)
                .then("columns", columns(rows, d))
                .then("reduce", totals(d))
                .scratch(s -> chunks(rows.apply(s)) * k * s.of(d) * FLOAT);
    }

    private static long sumsOfBlocks(KernelSizes sizes) {
        return (long) elements("n").apply(sizes).blocksX() * Double.BYTES;
    }

    private static LaunchPlan muon() {
        Function<KernelSizes, Long> least = s -> Math.min(s.of("n"), s.of("m"));
        LaunchPlan plan = first(elements("n", "m")).then("norm", one()).then("unit", elements("n", "m"));
        for (int step = 0; step < 5; step++) {
            String parity = step % 2 == 0 ? "even" : "odd";
            plan = plan.then("gram_" + parity, tiles(least, least))
                    .then("polynomial", tiles(least, least))
                    .then("turn_" + parity, tiles(s -> s.of("n"), s -> s.of("m")));
        }
        return plan.then("update", elements("n", "m"));
    }
}
