package cloze.cuda.attention;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import cloze.cuda.driver.Driver;
import cloze.tensor.DType;
import cloze.tensor.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.invoke.MethodHandle;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Tensor maps, by which kernels of compute capability 9.0 copy boxes of a tensor. The driver encodes the address and shape of
 * a tensor [planes, rows, columns] in bf16 and its boxes of 64 rows and 64 columns. Addresses repeat from step to step, so
 * the maps that were used last are kept.
 */
final class TensorMaps {
    /** Bytes of a map. */
    static final long BYTES = 128;

    /** Addresses, and bytes of a row, must be multiples of it. */
    static final long ALIGNMENT = 16;

    private static final int KEPT = 1024;
    private static final int SIDE = 64;

    private static final int TYPE_BFLOAT16 = 9;
    private static final int INTERLEAVE_NONE = 0;
    private static final int SWIZZLE_128B = 3;
    private static final int PROMOTION_L2_256B = 3;
    private static final int FILL_ZERO = 0;

    private record Place(long address, long planes, long rows, long columns) {}

    private final MethodHandle encode;
    private final Map<Place, MemorySegment> maps = new LinkedHashMap<>(16, 0.75f, true);

    TensorMaps(Driver driver) {
        encode = driver.bind(
                "cuTensorMapEncodeTiled",
                FunctionDescriptor.of(
                        JAVA_INT, ADDRESS, JAVA_INT, JAVA_INT, JAVA_LONG, ADDRESS, ADDRESS, ADDRESS, ADDRESS, JAVA_INT,
                        JAVA_INT, JAVA_INT, JAVA_INT));
    }

    /** The 128 bytes of the map of a tensor in bf16. */
    synchronized MemorySegment of(Tensor tensor, long planes, long rows) {
        var place = new Place(
                tensor.memory().address(), planes, rows, tensor.shape().size() / (planes * rows));
        MemorySegment map = maps.computeIfAbsent(place, this::encoded);
        if (maps.size() > KEPT) {
            maps.remove(maps.keySet().iterator().next()); // the one that was used longest ago
        }
        return map;
    }

    private MemorySegment encoded(Place place) {
        long row = place.columns * DType.BF16.bytes();
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment map = arena.allocate(BYTES, BYTES);
            SegmentAllocator memory = arena;
            int result = (int) encode.invokeExact(
                    map,
                    TYPE_BFLOAT16,
                    3,
                    place.address,
                    memory.allocateFrom(JAVA_LONG, place.columns, place.rows, place.planes),
                    memory.allocateFrom(JAVA_LONG, row, row * place.rows),
                    memory.allocateFrom(JAVA_INT, SIDE, SIDE, 1),
                    memory.allocateFrom(JAVA_INT, 1, 1, 1),
                    INTERLEAVE_NONE,
                    SWIZZLE_128B,
                    PROMOTION_L2_256B,
                    FILL_ZERO);
            Driver.check("cuTensorMapEncodeTiled of " + place, result);
            MemorySegment kept = MemorySegment.ofArray(new long[(int) (BYTES / Long.BYTES)]);
            return kept.copyFrom(map);
        } catch (RuntimeException e) {
            throw e;
        } catch (Throwable e) {
            throw new IllegalStateException("cuTensorMapEncodeTiled", e);
        }
    }
}
