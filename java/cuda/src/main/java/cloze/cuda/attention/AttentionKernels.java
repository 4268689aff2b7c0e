package cloze.cuda.attention;

import cloze.backend.BackendException;
import cloze.cuda.driver.Extent;
import cloze.cuda.launch.KernelSizes;
import cloze.cuda.launch.LaunchPlan;
import cloze.cuda.launch.Stage;
import cloze.op.Attention;
import cloze.tensor.DType;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The kernels of {@link Attention} and their launches: {@code attention.cu} for every type, width and address; {@code
 * attention_mma*.cu} on tensor cores in bf16 for heads of 32, 64 or 128 columns; {@code attention_hopper*.cu} by wgmma and
 * TMA in bf16 for heads of 64 or 128 columns on compute capability 9.0.
 */
public final class AttentionKernels {
    private static final String CHOICE = "cloze.cuda.attention";

    /** The compute capability of sm_90a, whose instructions no other GPU has. */
    private static final int HOPPER = 90;

    private static final long BF16 = DType.BF16.bytes();
    private static final long F32 = DType.F32.bytes();

    private AttentionKernels() {}

    /**
     * The system property {@code cloze.cuda.attention} decides: {@code any} excludes the kernels for compute capability 9.0,
     * {@code hopper} requires them.
     *
     * @param capability of the GPU, for example 90
     * @return true if the kernels for compute capability 9.0 are used
     * @throws BackendException if the property has another value, or requires what the GPU does not have
     */
    public static boolean useHopper(int capability) {
        boolean can = capability == HOPPER;
        return switch (System.getProperty(CHOICE, "")) {
            case "" -> can;
            case "any" -> false;
            case "hopper" -> {
                if (!can) {
                    throw new BackendException(String.format(
                            Locale.ROOT,
                            "%s=hopper, but wgmma and TMA need compute capability 9.0, not %s",
                            CHOICE,
                            capability / 10.0));
                }
                yield true;
            }
            case String other ->
                throw new BackendException(
                        String.format(Locale.ROOT, "%s must be hopper or any, but it is %s", CHOICE, other));
        };
    }

    /** The choice and its reason, for a device's description. */
    public static String describe(int capability) {
        if (useHopper(capability)) {
            return "attention by wgmma and TMA in bf16 for heads of 64 or 128 columns";
        }
        return capability == HOPPER
                ? String.format(Locale.ROOT, "attention for every GPU (%s=any)", CHOICE)
                : "attention for every GPU (wgmma and TMA need compute capability 9.0)";
    }

    /**
     * The kernels that a GPU can run beside {@code attention.cu}, the preferred first.
     *
     * @param kernel {@link Attention.Forward} or {@link Attention.Backward}
     * @param capability of the GPU, for example 90
     */
    static List<AttentionKernel> of(Class<?> kernel, int capability) {
        Stream<AttentionKernel> all = kernel == Attention.Forward.class
                ? Stream.of(hopperForward(64), hopperForward(128), mmaForward(32), mmaForward(64), mmaForward(128))
                : Stream.of(
                        hopperBackward(64), hopperBackward(128), mmaBackward(32), mmaBackward(64), mmaBackward(128));
        boolean hopper = useHopper(capability);
        return all.filter(k -> k.capability() == 0 || (k.capability() == HOPPER && hopper))
                .toList();
    }

    // attention_hopper.cuh: a block of 384 threads has 128 rows; its ring has two stages

    private static final int HOPPER_ROWS = 128;
    private static final int HOPPER_THREADS = 384;
    private static final int STAGES = 2;

    private static AttentionKernel hopperForward(long width) {
        long bytes = (1 + 2 * STAGES) * HOPPER_ROWS * width * BF16;
        long barriers = 1 + 4 * STAGES;
        return new AttentionKernel(
                "attention_hopper",
                "attention_hopper_forward",
                HOPPER,
                width,
                List.of("qkv", "y"),
                List.of(),
                List.of("qkv"),
                LaunchPlan.of(new Stage("_" + width, s -> hopperBlocks(s, "heads", bytes, barriers))));
    }

    private static AttentionKernel hopperBackward(long width) {
        return new AttentionKernel(
                "attention_hopper_backward",
                "attention_hopper_backward",
                HOPPER,
                width,
                List.of("qkv", "dy", "dqkv"),
                List.of(),
                List.of("qkv", "dy"),
                LaunchPlan.of(
                                new Stage("_delta", s -> Stage.lanes(s.product("b", "heads", "t"), width / 8)),
                                new Stage(
                                        "_queries_" + width,
                                        s -> hopperBackward(s, "heads", width, width == 64 ? 128 : 64)),
                                new Stage("_keys_" + width, s -> hopperBackward(s, "kvHeads", width, 64)))
                        .scratch(s -> s.product("b", "heads", "t") * F32));
    }

    /** @param rows of the tiles of a stage, which has two numbers for each row, too */
    private static Extent hopperBackward(KernelSizes sizes, String heads, long width, long rows) {
        long stage = 2 * rows * width * BF16 + rows * 2 * F32;
        return hopperBlocks(sizes, heads, 2 * HOPPER_ROWS * width * BF16 + STAGES * stage, 1 + 2 * STAGES);
    }

    private static Extent hopperBlocks(KernelSizes sizes, String heads, long bytes, long barriers) {
        return blocks(sizes, heads, HOPPER_ROWS, HOPPER_THREADS, bytes + barriers * Long.BYTES);
    }

    // attention_mma.cuh: a block has 128 rows

    private static final int MMA_ROWS = 128;

    /** Keys and values come through a ring of four tiles. */
    private static AttentionKernel mmaForward(long width) {
        long keys = width == 128 ? 32 : 64;
        return new AttentionKernel(
                "attention_mma",
                "attention_mma_forward",
                0,
                width,
                List.of("qkv", "y"),
                List.of(),
                List.of(),
                LaunchPlan.of(new Stage("_" + width, mmaBlocks("heads", 128, (MMA_ROWS + 4 * keys) * width * BF16))));
    }

    /** Delta and lse; dq by tiles of queries; dk and dv by tiles of keys. A slot of a ring holds 32 rows. */
    private static AttentionKernel mmaBackward(long width) {
        long slots = width == 32 ? 4 : 2;
        long own = 2 * MMA_ROWS * width * BF16;
        long keysAndValues = 2 * 32 * width * BF16;
        long queriesAndMore = keysAndValues + 2 * 32 * F32;
        return new AttentionKernel(
                "attention_mma_backward",
                "attention_mma_backward",
                0,
                width,
                List.of("qkv", "y", "dy"),
                List.of("dqkv"),
                List.of(),
                LaunchPlan.of(
                                new Stage("_" + width, s -> Stage.lanes(s.product("b", "heads", "t"), width / 8)),
                                new Stage("_queries_" + width, mmaBlocks("heads", 128, own + slots * keysAndValues)),
                                new Stage(
                                        "_keys_" + width,
                                        mmaBlocks("kvHeads", width == 128 ? 256 : 128, own + slots * queriesAndMore)))
                        .scratch(s -> 2 * s.product("b", "heads", "t") * F32));
    }

    private static Function<KernelSizes, Extent> mmaBlocks(String heads, int threads, long shared) {
        return sizes -> blocks(sizes, heads, MMA_ROWS, threads, shared);
    }

    // attention.cuh: a block of 256 threads has tiles of 32 rows

    private static final int TILE = 32;
    private static final int ANY_THREADS = 256;
    private static final int MOST_WIDTH = 256;

    /** The launches of the kernel for every type, width and address. */
    public static LaunchPlan anyForward() {
        return LaunchPlan.first(s -> anyBlocks(s, "heads", 2, 1));
    }

    public static LaunchPlan anyBackward() {
        return LaunchPlan.first(Stage.rows("b", "heads", "t"))
                .then("queries", s -> anyBlocks(s, "heads", 4, 1))
                .then("keys", s -> anyBlocks(s, "kvHeads", 4, 2))
                .scratch(s -> s.product("b", "heads", "t") * F32);
    }

    private static Extent anyBlocks(KernelSizes sizes, String heads, int tensors, int scores) {
        long width = sizes.of("width");
        if (width > MOST_WIDTH) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT,
                    "attention on this device takes heads of at most %d columns, not %d",
                    MOST_WIDTH,
                    width));
        }
        long floats = (long) tensors * TILE * (width + 1) + (long) scores * TILE * (TILE + 1);
        return blocks(sizes, heads, TILE, ANY_THREADS, floats * F32);
    }

    /** A block for each tile of rows of each head. */
    private static Extent blocks(KernelSizes sizes, String heads, int rows, int threads, long shared) {
        return Extent.blocks(sizes.product("b", heads) * Math.ceilDiv(sizes.of("t"), rows), threads)
                .shared(shared);
    }
}
