package cloze.nn;

/**
 * Sizes of transformer blocks of width D with mlps of 4 D.
 *
 * @param layers L
 * @param width D
 * @param heads H, which divide the width
 * @param epsilon added to the variance by the norms
 */
public record Stack(int layers, int width, int heads, Positions positions, float epsilon) {
    /** The kind of position embedding. */
    public enum Positions {
        /** A fixed table of sines and cosines. */
        SIN_COS,
        /** A table of parameters, as in fine-tuned encoders and in those for images of another size. */
        LEARNED
    }

    /** Epsilon of vision transformers. */
    public static final float EPSILON = 1e-6f;

    /** With fixed positions. */
    public Stack(int layers, int width, int heads) {
        this(layers, width, heads, Positions.SIN_COS, EPSILON);
    }

    // sizes come from files; beyond these, products of extents overflow and lists of layers have no end
    private static final int MOST_LAYERS = 1000;
    private static final int WIDEST = 1 << 20;

    public Stack {
        require(
                layers > 0 && heads > 0,
                "layers and heads must be 1 or more, but they are " + layers + " and " + heads);
        require(layers <= MOST_LAYERS, "layers must be " + MOST_LAYERS + " or less, but they are " + layers);
        require(width <= WIDEST, "the width must be " + WIDEST + " or less, but it is " + width);
        require(width > 0 && width % heads == 0, "a width of " + width + " is not a multiple of " + heads + " heads");
        require(width % 4 == 0, "a width of " + width + " is not a multiple of 4, as sin-cos positions need");
        require(epsilon > 0 && epsilon < 1, "epsilon must be in (0, 1), but it is " + epsilon);
    }

    private static void require(boolean holds, String message) {
        if (!holds) {
            throw new IllegalArgumentException("Stack: " + message);
        }
    }

    public Stack withPositions(Positions kind) {
        return new Stack(layers, width, heads, kind, epsilon);
    }
}
