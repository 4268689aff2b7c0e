package cloze.tensor;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Owns tensors and frees them together when it closes. A scope is used by one thread; its tensors may be read by any
 * thread, as long as the scope is open.
 */
public final class Scope implements AutoCloseable {
    /** What a scope holds. It does not know its scope, so that a forgotten scope can be given back. */
    static final class Holding {
        final String name;
        private final Pool pool;
        private final List<Pool.Block> blocks = new ArrayList<>();
        private final AtomicLong bytes = new AtomicLong();
        private volatile boolean open = true;
        private volatile @Nullable String closedBackend;
        Cleaner.@Nullable Cleanable forgotten;

        Holding(String name, Pool pool) {
            this.name = name;
            this.pool = pool;
        }

        long bytes() {
            return bytes.get();
        }

        private void add(Pool.Block block) {
            bytes.addAndGet(block.bytes());
            block.index = blocks.size();
            blocks.add(block);
        }

        private void remove(Pool.Block block) {
            Pool.Block last = blocks.removeLast();
            if (last != block) {
                blocks.set(block.index, last);
                last.index = block.index;
            }
            bytes.addAndGet(-block.bytes());
        }

        /** Gives all blocks back. */
        void end() {
            open = false;
            for (Pool.Block block : blocks) {
                pool.giveBack(block);
            }
            blocks.clear();
            bytes.set(0);
            pool.closed(this);
        }

        /** Ends it with its pool, which takes the blocks itself. */
        void endWith(String backend) {
            closedBackend = backend;
            open = false;
        }

        /** Called when nothing can reach the scope or a tensor of it. */
        void forget() {
            if (open) {
                pool.takeBack(this);
            }
        }
    }

    private final Holding holding;

    Scope(Holding holding) {
        this.holding = holding;
    }

    public String name() {
        return holding.name;
    }

    /** Bytes held by this scope. */
    public long bytes() {
        return holding.bytes();
    }

    /** Opens a scope for tensors with a shorter lifetime; the caller closes it. */
    public Scope child(String childName) {
        return holding.pool.scope(holding.name + "/" + childName);
    }

    /** Allocates a tensor; its content is unspecified until it is written. */
    public Tensor tensor(String tensorName, Shape shape, DType dtype) {
        return tensor(tensorName, shape, dtype, false);
    }

    /**
     * Allocates a tensor; its content is unspecified until it is written.
     *
     * @param trainable true if gradients flow into the tensor
     * @throws IllegalStateException if the scope or its backend is closed
     */
    public Tensor tensor(String tensorName, Shape shape, DType dtype, boolean trainable) {
        if (!holding.open) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT, "scope '%s' is closed, so it can not own '%s'", holding.name, tensorName));
        }
        Pool.Block block = holding.pool.take(tensorName, Math.multiplyExact(shape.size(), (long) dtype.bytes()));
        holding.add(block);
        return new Tensor(tensorName, shape, dtype, trainable, block.segment(), block, this);
    }

    /**
     * A view of part of a tensor with its own name and shape; it is valid as long as {@code parent}.
     *
     * @param from index of the slice's first element in {@code parent}
     */
    public Tensor slice(Tensor parent, long from, String sliceName, Shape shape, boolean trainable) {
        if (from < 0 || shape.size() > parent.shape().size() - from) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "slice %s %s at element %d does not fit %s", sliceName, shape, from, parent));
        }
        MemorySegment whole = parent.memory();
        long offset = from * parent.dtype().bytes();
        MemorySegment memory = whole.byteSize() == 0 // the host can not read it
                ? MemorySegment.ofAddress(whole.address() + offset)
                : whole.asSlice(offset, shape.size() * parent.dtype().bytes());
        return new Tensor(sliceName, shape, trainable, memory, parent);
    }

    /** Moves a tensor from another scope into this one, so that it outlives the other scope. */
    public Tensor adopt(Tensor tensor) {
        Pool.Block block = tensor.block();
        if (block == null || tensor.released() || !tensor.owner().isOpen() || !holding.open) {
            throw new IllegalStateException(String.format(
                    Locale.ROOT,
                    "%s is a slice or freed, or scope '%s' is closed, so it can not adopt it",
                    tensor,
                    holding.name));
        }
        if (tensor.owner().holding.pool != holding.pool) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "%s is of another backend than scope '%s'", tensor, holding.name));
        }
        tensor.owner().holding.remove(block);
        tensor.moveTo(this);
        holding.add(block);
        return tensor;
    }

    /** Frees one tensor of this scope early. */
    public void release(Tensor tensor) {
        Pool.Block block = tensor.block();
        if (block != null && tensor.owner() == this && holding.open && !tensor.released()) {
            holding.remove(block);
            tensor.markReleased();
            holding.pool.giveBack(block);
        }
    }

    boolean isOpen() {
        return holding.open;
    }

    /** What was closed, for messages: the scope, or the backend under it. */
    String closed() {
        String backend = holding.closedBackend;
        return backend == null ? String.format(Locale.ROOT, "scope '%s'", holding.name) : "backend " + backend;
    }

    @Override
    public void close() {
        if (holding.open) {
            holding.end();
        }
        Cleaner.Cleanable forgotten = holding.forgotten;
        if (forgotten != null) {
            forgotten.clean(); // it is not forgotten
        }
    }
}
