package cloze.cuda.cudnn;

import cloze.tensor.Tensor;
import org.jspecify.annotations.Nullable;

/** How the scratch of one call is cut; addresses follow once all is cut, and its size known. */
final class ScratchCut {
    private static final long ALIGNMENT = 256;

    private long bytes;

    /**
     * Where a library reads or writes a tensor.
     *
     * @param tensor null if there is none
     * @param offset in the scratch, or negative if the library goes to the tensor itself
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
     * A place for a tensor: its own, unless it is not there, lies at an address that libraries do not take, or must not be
     * overwritten.
     */
    Place place(@Nullable Tensor tensor, long size, boolean keeps) {
        boolean own = tensor != null && !keeps && tensor.memory().address() % Cudnn.ALIGNMENT == 0;
        return new Place(tensor, size, own ? -1 : of(size));
    }

    /** Bytes of all. */
    long bytes() {
        return bytes;
    }
}
