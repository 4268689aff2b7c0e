package cloze.cuda.attention;

import cloze.backend.BackendException;
import cloze.cuda.driver.Driver;
import cloze.cuda.driver.Extent;
import cloze.cuda.launch.KernelSizes;
import cloze.cuda.launch.LaunchPlan;
import cloze.cuda.launch.Launcher;
import cloze.cuda.launch.Stage;
import cloze.op.Attention;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * {@link Attention} on compute capability 9.0, by {@code attention_hopper*.cu}: in bf16, for heads of 64 or 128 columns at
 * aligned addresses. What is not so goes to the kernels for every GPU, as all does if the system property
 * {@code cloze.cuda.attention} is {@code any}.
 */
public final class AttentionHopper implements Attention.Forward, Attention.Backward {
    private static final String CHOICE = "cloze.cuda.attention";

    /** As in {@code attention_hopper.cuh}: lines of a block, its threads, stages of its ring. */
    private static final int LINES = 128;

    private static final int THREADS = 384;
    private static final int STAGES = 2;

    /** Makes the launcher of a kernel's plan, of the images of {@code attention_hopper*}. */
    public interface Own extends BiFunction<Class<?>, LaunchPlan, Launcher> {}

    private final TensorMaps maps;
    private final AttentionMma any;
    private final Map<Long, Launcher> forward;
    private final Map<Long, Launcher> backward;

    public AttentionHopper(Driver driver, Own own, AttentionMma any) {
        maps = new TensorMaps(driver);
        this.any = any;
        forward = byWidth(width -> own.apply(Attention.Forward.class, forward(width)));
        backward = byWidth(width -> own.apply(Attention.Backward.class, backward(width)));
    }

    private static Map<Long, Launcher> byWidth(Function<Long, Launcher> launcher) {
        return Map.of(64L, launcher.apply(64L), 128L, launcher.apply(128L));
    }

    /**
     * Whether it is to be taken.
     *
     * @param capability for example 90
     * @throws BackendException if the property is neither hopper nor any, or asks for what is not here
     */
    public static boolean isFor(int capability) {
        boolean can = capability == 90; // the instructions of sm_90a are those of no other GPU
        return switch (System.getProperty(CHOICE, "")) {
            case "" -> can;
            case "any" -> false;
            case "hopper" -> {
                if (!can) {
                    throw new BackendException("%s=hopper, but wgmma and TMA want compute capability 9.0, not %s"
                            .formatted(CHOICE, capability / 10.0));
                }
                yield true;
            }
            case String other ->
                throw new BackendException("%s must be hopper or any, but it is %s".formatted(CHOICE, other));
        };
    }

    public static String describe(int capability) {
        if (isFor(capability)) {
            return "attention by wgmma and TMA in bf16 for heads of 64 or 128 columns";
        }
        return capability == 90
                ? "attention for every GPU (%s=any)".formatted(CHOICE)
                : "attention for every GPU (wgmma and TMA want compute capability 9.0)";
    }

    private static LaunchPlan forward(long width) {
        long bytes = (1 + 2 * STAGES) * tile(LINES, width);
        long barriers = 1 + 4 * STAGES;
        return new LaunchPlan(
                List.of(new Stage("_" + width, sizes -> blocks(sizes, "heads", bytes, barriers))), null, false);
    }

    private static LaunchPlan backward(long width) {
        return new LaunchPlan(
                List.of(
                        new Stage("_delta", s -> Stage.lanes(s.product("b", "heads", "t"), width / 8)),
                        new Stage(
                                "_queries_" + width, sizes -> backward(sizes, "heads", width, width == 64 ? 128 : 64)),
                        new Stage("_keys_" + width, sizes -> backward(sizes, "kvHeads", width, 64))),
                sizes -> sizes.product("b", "heads", "t") * Float.BYTES,
                false);
    }

    /** @param columns lines of the tiles of a stage, which has two numbers for each too */
    private static Extent backward(KernelSizes sizes, String heads, long width, long columns) {
        long stage = 2 * tile(columns, width) + columns * 2 * Float.BYTES;
        return blocks(sizes, heads, 2 * tile(LINES, width) + STAGES * stage, 1 + 2 * STAGES);
    }

    private static long tile(long rows, long width) {
        return rows * width * DType.BF16.bytes();
    }

    private static Extent blocks(KernelSizes sizes, String heads, long bytes, long barriers) {
        return Extent.blocks(sizes.product("b", heads) * Math.ceilDiv(sizes.of("t"), LINES), THREADS)
                .shared(bytes + barriers * Long.BYTES);
    }

    private static boolean fits(long elements, Tensor... tensors) {
        for (Tensor tensor : tensors) {
            if (tensor.dtype() != DType.BF16 || tensor.memory().address() % TensorMaps.ALIGNMENT != 0) {
                return false;
            }
        }
        return elements > 0;
    }

    /** The struct of both maps; a forward pass has no dy. */
    private MemorySegment maps(long b, long t, Tensor qkv, @Nullable Tensor dy) {
        MemorySegment both = MemorySegment.ofArray(new long[(int) (2 * TensorMaps.BYTES / Long.BYTES)]);
        encode(b, t, qkv, both.asSlice(0, TensorMaps.BYTES));
        if (dy != null) {
            encode(b, t, dy, both.asSlice(TensorMaps.BYTES));
        }
        return both;
    }

    private void encode(long b, long t, Tensor tensor, MemorySegment to) {
        to.copyFrom(maps.of(tensor.memory().address(), b, t, tensor.shape().size() / (b * t)));
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
        @Nullable
        Object[] arguments = {qkv, keep, y, lse, b, t, heads, kvHeads, width, causal, window, scale, rate, seed, offset
        };
        Launcher own = forward.get(width);
        if (own != null && fits(b * t * heads, qkv, y)) {
            own.callWith(maps(b, t, qkv, null), arguments);
        } else {
            any.call(qkv, keep, y, lse, b, t, heads, kvHeads, width, causal, window, scale, rate, seed, offset);
        }
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
        @Nullable
        Object[] arguments = {
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
            accumulate
        };
        Launcher own = backward.get(width);
        if (own != null && dqkv != null && fits(b * t * heads, qkv, dy, dqkv)) {
            own.callWith(maps(b, t, qkv, dy), arguments);
        } else {
            any.call(
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
}
