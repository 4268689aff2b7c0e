package cloze.nn;

import cloze.backend.Backend;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** The keys and values of the tokens that a decoder has seen, for each layer, and how many there are in each row. */
public final class KeyValueCache implements DecoderState {
    /**
     * One layer's part, and where in it the next tokens go.
     *
     * @param keys [B, capacity, G K]
     * @param values [B, capacity, G K]
     * @param starts [B] i32
     */
    public record Layer(Tensor keys, Tensor values, Tensor starts) {}

    private final Backend backend;
    private final List<Layer> layers = new ArrayList<>();
    private final Tensor starts;
    private final int[] lengths;
    private final int capacity;

    /**
     * @param batch B, rows that are decoded together
     * @param capacity most tokens in a row
     * @param width G K, of the keys of one token
     */
    public KeyValueCache(Backend backend, Scope scope, int layerCount, int batch, int capacity, int width) {
        DType dtype = backend.precision().dtype();
        this.backend = backend;
        this.capacity = capacity;
        starts = scope.tensor("starts", new Shape(batch), DType.I32);
        lengths = new int[batch];
        var shape = new Shape(batch, capacity, width);
        for (int i = 0; i < layerCount; i++) {
            Tensor keys = scope.tensor("keys." + i, shape, dtype);
            Tensor values = scope.tensor("values." + i, shape, dtype);
            layers.add(new Layer(keys, values, starts));
        }
        backend.set(starts, lengths);
    }

    public Layer layer(int i) {
        return layers.get(i);
    }

    /** Position of the next token of each row, [B] i32. */
    public Tensor starts() {
        return starts;
    }

    @Override
    public int capacity() {
        return capacity;
    }

    @Override
    public int batch() {
        return lengths.length;
    }

    @Override
    public int length(int row) {
        return lengths[row];
    }

    @Override
    public void advance(int... counts) {
        for (int row = 0; row < lengths.length; row++) {
            lengths[row] += counts[row];
        }
        backend.set(starts, lengths);
    }

    @Override
    public void clear() {
        Arrays.fill(lengths, 0);
        backend.set(starts, lengths);
    }
}
