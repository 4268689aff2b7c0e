package cloze.cuda.cudnn;

import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** The layout of one call's scratch: offsets first, addresses once the total size is known. */
final class ScratchCut {
    private static final long ALIGNMENT = 256;

    private long bytes;

    /**
     * The place where a library reads or writes a tensor.
     *
     * @param tensor null if the call has none
     * @param offset in the scratch, or negative if the library uses the tensor's own memory
     */
    record Place(@Nullable Tensor tensor, long bytes, long offset) {
        boolean isCopy() {
            return offset >= 0;
        }

        long at(long scratch) {
            return tensor != null && !isCopy() ? tensor.memory().address() : scratch + offset;
        }
    }

    /** @return bytes from the beginning of the scratch */
    long of(long size) {
        long at = bytes;
        bytes += Math.ceilDiv(size, ALIGNMENT) * ALIGNMENT;
        return at;
    }

    /**
     * A place for a tensor: its own memory, unless it is null, its address is not aligned, or its old value must be kept.
     */
    Place place(@Nullable Tensor tensor, long size, boolean keeps) {
        boolean own = tensor != null && !keeps && tensor.memory().address() % Cudnn.ALIGNMENT == 0;
        return new Place(tensor, size, own ? -1 : of(size));
    }

    /** Bytes of the whole scratch. */
    long bytes() {
        return bytes;
    }
}
