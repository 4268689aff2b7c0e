package cloze.cuda.attention;

import cloze.cuda.driver.Extent;
import cloze.cuda.launch.KernelSizes;
import cloze.cuda.launch.LaunchPlan;
import cloze.cuda.launch.Launcher;
import cloze.cuda.launch.Stage;
import cloze.op.Attention;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * {@link Attention} on tensor cores, by {@code attention_mma.cu} and {@code attention_mma_backward.cu}: in bf16, for heads
 * of 32, 64 or 128 columns, where every address is a multiple of 16. What is not so goes to {@code attention.cu}.
 */
public final class AttentionMma implements Attention.Forward, Attention.Backward {
    private static final long ALIGNMENT = 16;

    /** Queries or keys of a block. */
    private static final long ROWS = 128;

    private static final long BF16 = DType.BF16.bytes();
    private static final long F32 = DType.F32.bytes();

    private final BiFunction<Class<?>, LaunchPlan, Launcher> launcher;
    private final Launcher anyForward;
    private final Launcher anyBackward;
    private final Map<Long, Launcher> forward = new ConcurrentHashMap<>();
    private final Map<Long, Launcher> backward = new ConcurrentHashMap<>();

    /**
     * @param launcher of a kernel and a plan, from the images of attention_mma, in bf16
     * @param anyForward for every type, width and address
     * @param anyBackward likewise
     */
    public AttentionMma(
            BiFunction<Class<?>, LaunchPlan, Launcher> launcher, Launcher anyForward, Launcher anyBackward) {
        this.launcher = launcher;
        this.anyForward = anyForward;
        this.anyBackward = anyBackward;
    }

    private static boolean fits(long width, @Nullable Tensor... tensors) {
        for (Tensor tensor : tensors) {
            if (tensor != null
                    && (tensor.dtype() != DType.BF16 || tensor.memory().address() % ALIGNMENT != 0)) {
                return false;
            }
        }
        return width == 32 || width == 64 || width == 128;
    }

    /** Keys and values come through a ring of four tiles. */
    private static LaunchPlan forward(long width) {
        long keys = width == 128 ? 32 : 64;
        return new LaunchPlan(
                List.of(new Stage("_" + width, tiles("heads", 128, (ROWS + 4 * keys) * width * BF16))), null, false);
    }

    /** Delta and lse; dq by tiles of queries; dk and dv by tiles of keys. What a ring holds comes 32 rows at a time. */
    private static LaunchPlan backward(long width) {
        long slots = width == 32 ? 4 : 2;
        long own = 2 * ROWS * width * BF16;
        long keysAndValues = 2 * 32 * width * BF16;
        long queriesAndMore = keysAndValues + 2 * 32 * F32;
        return new LaunchPlan(
                List.of(
                        new Stage("_" + width, s -> Stage.lanes(s.product("b", "heads", "t"), width / 8)),
                        new Stage("_queries_" + width, tiles("heads", 128, own + slots * keysAndValues)),
                        new Stage(
                                "_keys_" + width,
                                tiles("kvHeads", width == 128 ? 256 : 128, own + slots * queriesAndMore))),
                s -> 2 * s.product("b", "heads", "t") * F32,
                false);
    }

    private static Function<KernelSizes, Extent> tiles(String heads, int threads, long shared) {
        return s -> Extent.blocks(s.product("b", heads) * Math.ceilDiv(s.of("t"), ROWS), threads)
                .shared(shared);
    }

    @Override
    public void call(
            Tensor qkv,
            @Nullable Tensor keep,
            Tensor y,
            Tensor lse,
            long b,
            long t,
            long heads,
            long kvHeads,
            long width,
            long causal,
            long window,
            float scale,
            float rate,
            long seed,
            long offset) {
        Launcher to = fits(width, qkv, y)
                ? forward.computeIfAbsent(width, w -> launcher.apply(Attention.Forward.class, forward(w)))
                : anyForward;
        to.call(qkv, keep, y, lse, b, t, heads, kvHeads, width, causal, window, scale, rate, seed, offset);
    }

    @Override
    public void call(
            Tensor qkv,
            @Nullable Tensor keep,
            Tensor y,
            Tensor lse,
            Tensor dy,
            @Nullable Tensor dqkv,
            long b,
            long t,
            long heads,
            long kvHeads,
            long width,
            long causal,
            long window,
            float scale,
            float rate,
            long seed,
            long offset,
            long accumulate) {
        Launcher to = fits(width, qkv, y, dy, dqkv)
                ? backward.computeIfAbsent(width, w -> launcher.apply(Attention.Backward.class, backward(w)))
                : anyBackward;
        to.call(
                qkv,
                keep,
                y,
                lse,
                dy,
                dqkv,
                b,
                t,
                heads,
                kvHeads,
                width,
                causal,
                window,
                scale,
                rate,
                seed,
                offset,
                accumulate);
    }
}
