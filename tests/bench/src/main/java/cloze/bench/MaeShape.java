package cloze.bench;

/**
 * A masked autoencoder and its batch; its encoder sees the kept patches and a class token.
 *
 * @param batch B
 * @param patches N, of an image
 * @param kept M
 * @param pixels P P C, values of a patch
 */
public record MaeShape(int batch, int patches, int kept, int pixels, Stack encoder, Stack decoder)
        implements StepShape {
    /** Backward takes twice those of forward. */
    @Override
    public double flops() {
        double embedding = 2.0 * batch * patches * pixels * encoder.width();
        double between = 2.0 * batch * (kept + 1) * encoder.width() * decoder.width();
        double prediction = 2.0 * batch * (patches + 1) * decoder.width() * pixels;
        double stacks = encoder.flops(batch, kept + 1, false) + decoder.flops(batch, patches + 1, false);
        return 3 * (embedding + between + prediction + stacks);
    }
}
