"""Recommendations: next items of sessions, similar items, bundles, lists for customers, and best sellers.

Functions take feature tables as pandas frames and return served tables; estimators have scikit-learn manners.
Reading and writing tables is done by the caller.
"""

from ml.recommendations.bundle_evaluation import evaluate_bundles, keep_bundle_accuracy
from ml.recommendations.bundles import BundleParams, bundles
from ml.recommendations.customer_evaluation import evaluate_customers, keep_customer_model, serve_customers
from ml.recommendations.customers import CustomerParams, recommend_for_customers
from ml.recommendations.popular import PopularParams, popular_items
from ml.recommendations.session_peers import ItemNeighbours, MarkovFirstOrder, Popularity, SessionPopularity
from ml.recommendations.session_settings import choose_settings
from ml.recommendations.session_tables import (
    SessionParams,
    evaluate_sessions,
    keep_session_model,
    recommend_for_sessions,
    serve_sessions,
)
from ml.recommendations.sessions import SessionNeighbours
from ml.recommendations.similar import SimilarParams, similar_items
from ml.recommendations.stored import stored_accuracy

__all__ = [
    "BundleParams",
    "CustomerParams",
    "ItemNeighbours",
    "MarkovFirstOrder",
    "PopularParams",
    "Popularity",
    "SessionNeighbours",
    "SessionParams",
    "SessionPopularity",
    "SimilarParams",
    "bundles",
    "choose_settings",
    "evaluate_bundles",
    "evaluate_customers",
    "evaluate_sessions",
    "keep_bundle_accuracy",
    "keep_customer_model",
    "keep_session_model",
    "popular_items",
    "recommend_for_customers",
    "recommend_for_sessions",
    "serve_customers",
    "serve_sessions",
    "similar_items",
    "stored_accuracy",
]
