package cloze.tensor;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Owns tensors and frees them together when it closes. A scope is used by one thread; its tensors may be read by any
 * thread.
 */
public final class Scope implements AutoCloseable {
    private final String name;
    private final Pool pool;
    private final List<Tensor> owned = new ArrayList<>();
    private volatile boolean open = true;
    private final AtomicLong bytes = new AtomicLong();

    Scope(String name, Pool pool) {
        this.name = name;
        this.pool = pool;
    }

    public String name() {
        return name;
    }

    /** Bytes held by this scope. */
    public long bytes() {
        return bytes.get();
    }

    /** Opens a scope for tensors with a shorter lifetime; the caller closes it. */
    public Scope child(String childName) {
        return pool.scope(name + "/" + childName);
    }

    /** Allocates a tensor; its content is unspecified until it is written. */
    public Tensor tensor(String tensorName, Shape shape, DType dtype) {
        return tensor(tensorName, shape, dtype, false);
    }

    /** @param trainable true if gradients flow into the tensor */
    public Tensor tensor(String tensorName, Shape shape, DType dtype, boolean trainable) {
        if (!open) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "scope '%s' is closed, so it can not own '%s'", name, tensorName));
        }
        Pool.Block block = pool.take(tensorName, shape.size() * dtype.bytes());
        bytes.addAndGet(block.bytes());
        var tensor = new Tensor(tensorName, shape, dtype, trainable, block.segment(), block, this);
        tensor.index = owned.size();
        owned.add(tensor);
        return tensor;
    }

    /**
     * A view of part of a tensor with its own name and shape; it is valid as long as {@code parent}.
     *
     * @param from index of the slice's first element in {@code parent}
     */
    public Tensor slice(Tensor parent, long from, String sliceName, Shape shape, boolean trainable) {
        if (from < 0 || from + shape.size() > parent.shape().size()) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "slice %s %s at element %d does not fit %s", sliceName, shape, from, parent));
        }
        long address = parent.memory().address() + from * parent.dtype().bytes();
        var memory = pool.view(address, shape.size() * parent.dtype().bytes());
        return new Tensor(sliceName, shape, parent.dtype(), trainable, memory, null, parent.owner());
    }

    /** Moves a tensor from another scope into this one, so that it outlives the other scope. */
    public Tensor adopt(Tensor tensor) {
        Pool.Block block = tensor.block();
        if (block == null || tensor.released() || !tensor.owner().open) {
            throw new IllegalStateException(
                    String.format(Locale.ROOT, "%s is a slice or freed, so '%s' can not adopt it", tensor, name));
        }
        tensor.owner().forget(tensor);
        bytes.addAndGet(block.bytes());
        tensor.moveTo(this);
        tensor.index = owned.size();
        owned.add(tensor);
        return tensor;
    }

    /** Frees one tensor of this scope early. */
    public void release(Tensor tensor) {
        Pool.Block block = tensor.block();
        if (block != null && tensor.owner() == this && !tensor.released()) {
            forget(tensor);
            tensor.markReleased();
            pool.giveBack(block);
        }
    }

    private void forget(Tensor tensor) {
        Tensor last = owned.removeLast();
        if (last != tensor) {
            owned.set(tensor.index, last);
            last.index = tensor.index;
        }
        Pool.Block block = tensor.block();
        bytes.addAndGet(block == null ? 0 : -block.bytes());
    }

    boolean isOpen() {
        return open;
    }

    @Override
    public void close() {
        if (open) {
            open = false;
            for (Tensor tensor : owned) {
                Pool.Block block = tensor.block();
                if (block != null) {
                    pool.giveBack(block);
                }
            }
            owned.clear();
            bytes.set(0);
            pool.closed(this);
        }
    }
}
