package cloze.bench;

/**
 * A stack of transformer blocks.
 *
 * @param layers L
 * @param width D
 * @param heads H, each of width D / H
 */
public record BlockStack(int layers, int width, int heads) {
    /** K, of one head. */
    public int headWidth() {
        return width / heads;
    }

    /** Operations of the forward pass, two for each multiply-add: the matrix multiplications with weights, and attention's two. */
    double flops(int batch, int tokens, boolean causal) {
        double rows = (double) batch * tokens;
        double products = 2 * rows * 12 * layers * width * width;
        double attention = 4 * rows * tokens * layers * width;
        return products + (causal ? attention / 2 : attention);
    }
}
