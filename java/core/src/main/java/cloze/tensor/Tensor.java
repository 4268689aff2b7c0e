package cloze.tensor;

import java.lang.foreign.MemorySegment;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** A dense, row-major array on one device, owned by exactly one {@link Scope}. */
public final class Tensor {
    private final String name;
    private final Shape shape;
    private final DType dtype;
    private final boolean trainable;
    private final MemorySegment memory;
    private final Pool.@Nullable Block block;
    private final @Nullable Tensor parent;
    private Scope owner;
    private boolean released;

    Tensor(
            String name,
            Shape shape,
            DType dtype,
            boolean trainable,
            MemorySegment memory,
            Pool.@Nullable Block block,
            Scope owner) {
        this.name = name;
        this.shape = shape;
        this.dtype = dtype;
        this.trainable = trainable;
        this.memory = memory;
        this.block = block;
        this.parent = null;
        this.owner = owner;
    }

    /** A view of part of {@code parent}. */
    Tensor(String name, Shape shape, boolean trainable, MemorySegment memory, Tensor parent) {
        this.name = name;
        this.shape = shape;
        this.dtype = parent.dtype;
        this.trainable = trainable;
        this.memory = memory;
        this.block = null;
        this.parent = parent;
        this.owner = parent.owner();
    }

    public String name() {
        return name;
    }

    public Shape shape() {
        return shape;
    }

    public DType dtype() {
        return dtype;
    }

    /** Size of the elements in bytes. */
    public long bytes() {
        return shape.size() * dtype.bytes();
    }

    /** True if gradients flow into this tensor. */
    public boolean trainable() {
        return trainable;
    }

    /**
     * The elements, for kernels. The host can read them only if it shares memory with the device. The segment may be
     * longer than the tensor.
     *
     * @throws IllegalStateException if the tensor has been freed
     */
    public MemorySegment memory() {
        if (isFreed()) {
            throw freed();
        }
        return memory;
    }

    private boolean isFreed() {
        return parent == null ? released || !owner.isOpen() : parent.isFreed();
    }

    Scope owner() {
        return parent == null ? owner : parent.owner();
    }

    Pool.@Nullable Block block() {
        return block;
    }

    boolean released() {
        return released;
    }

    void moveTo(Scope scope) {
        owner = scope;
    }

    void markReleased() {
        released = true;
    }

    private IllegalStateException freed() {
        return new IllegalStateException(
                owner().isOpen()
                        ? String.format(Locale.ROOT, "%s was released in scope '%s'", this, owner().name())
                        : String.format(Locale.ROOT, "%s was freed when %s closed", this, owner().closed()));
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%s %s %s", name, shape, dtype);
    }
}
