package cloze.bench;

import cloze.model.MaeConfig;
import cloze.nn.Stack;

/**
 * A masked autoencoder and its batch.
 *
 * @param batch B
 */
public record MaeShape(int batch, MaeConfig config) implements StepShape {
    /** Of kept patches alone where only they are needed. Backward takes twice those of forward. */
    @Override
    public double flops() {
        int seen = config.kept() + 1;
        int all = config.patches() + 1;
        double embedding =
                2.0 * batch * config.kept() * config.pixels() * encoder().width();
        double between = 2.0 * batch * seen * encoder().width() * decoder().width();
        double prediction = 2.0 * batch * all * decoder().width() * config.pixels();
        double stacks = encoder().flops(batch, seen, false) + decoder().flops(batch, all, false);
        return 3 * (embedding + between + prediction + stacks);
    }

    public BlockStack encoder() {
        return stack(config.encoder());
    }

    public BlockStack decoder() {
        return stack(config.decoder());
    }

    private static BlockStack stack(Stack stack) {
        return new BlockStack(stack.layers(), stack.width(), stack.heads());
    }
}
